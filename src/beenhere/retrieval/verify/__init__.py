from beenhere.retrieval.verify.verifier import Verifier, reranked

__all__ = ["Verifier", "reranked"]
