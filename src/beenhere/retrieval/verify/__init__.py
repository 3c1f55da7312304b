from beenhere.retrieval.verify.settling import reranked
from beenhere.retrieval.verify.verifier import Verifier

__all__ = ["Verifier", "reranked"]
