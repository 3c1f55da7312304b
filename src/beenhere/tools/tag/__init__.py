from beenhere.tools.tag.undo import UNDO_FILE, undo
from beenhere.tools.tag.write_positions import Written, read_answers, write_positions

__all__ = ["UNDO_FILE", "Written", "read_answers", "undo", "write_positions"]
