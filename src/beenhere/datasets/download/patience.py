"""How long a transfer goes on trying."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """When a transfer waits, and when it gives up.

    Attributes:
        tries: failures in a row after which it gives up; one that brought bytes starts the count
            anew.
        first_wait: seconds after the first failure; each that follows doubles them.
        longest_wait: seconds to wait at most, unless the server asks for more.
        longest_asked: seconds to wait at most because the server asks for it.
        connecting: seconds to wait for a connection.
        silence: seconds without a byte after which a connection is taken for dead.
        slowest: bytes a second, over the time of ``silence``, below which it is, too.
    """

    tries: int = 7
    first_wait: float = 1
    longest_wait: float = 60
    longest_asked: float = 600
    connecting: float = 20
    silence: float = 60
    slowest: float = 500

    def wait(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row: back-off with jitter.

        Between half of the doubled time and all of it, so that many who were cut off together do
        not come back together.
        """
        # The exponent is bounded: 2.0 to the power of 1100 is no float.
        backed_off = self.first_wait * 2.0 ** min(failures - 1, 60)
        return min(backed_off, self.longest_wait) * random.uniform(0.5, 1)


PATIENT = Patience()
"""What a person's download gets."""
