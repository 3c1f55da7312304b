"""How an index is asked: what is said, what the calibration keeps, what the defaults are."""

import copy

import pytest

from beenhere.config import LocateConfig
from beenhere.errors import ConfigError
from beenhere.retrieval.locate.decision import LOCATE_OPTIONS, check_as_calibrated, locate_options

FITTED = LocateConfig.model_validate(
    {"matches": 7, "temperature": 0.2, "verification": {"matches": 3, "max_size": 320}}
)
CALIBRATION = {"plain": {}, LOCATE_OPTIONS: FITTED.evidence()}


def test_what_is_not_said_is_as_it_was_calibrated() -> None:
    before = copy.deepcopy(CALIBRATION)
    config = locate_options(CALIBRATION, {}, "options")
    assert config.evidence() == FITTED.evidence()
    said = {"radius": 30, "verification": {"max_size": 480}, "threshold": 0.9}
    config = locate_options(CALIBRATION, said, "options")
    assert (config.matches, config.radius, config.temperature) == (7, 30, 0.2)
    assert (config.verification.matches, config.verification.max_size) == (3, 480)
    assert config.threshold == 0.9
    assert before == CALIBRATION


@pytest.mark.parametrize("calibration", [None, {}, {"plain": {}}])
def test_without_a_calibration_the_defaults_hold(calibration: dict[str, object] | None) -> None:
    assert locate_options(calibration, {}, "options") == LocateConfig()
    check_as_calibrated(calibration, LocateConfig(matches=3), verify=True)


def test_other_features_are_taken_with_their_own_defaults() -> None:
    said = {"verification": {"features": "xfeat"}}
    config = locate_options(CALIBRATION, said, "options")
    assert config.verification.features.name == "xfeat"
    assert config.verification.features.ratio == 0.9 and config.verification.max_size == 320


def test_an_unknown_option_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"options of Index\.locate: 'match' is not an option"):
        locate_options(CALIBRATION, {"match": 3}, "options of Index.locate")


def test_evidence_must_be_as_it_was_fitted() -> None:
    check_as_calibrated(CALIBRATION, FITTED, verify=True)
    machine = {"cache_mib": 1, "workers": 2}
    of_here = FITTED.model_copy(
        update={"verification": FITTED.verification.model_copy(update=machine), "threshold": 0.1}
    )
    check_as_calibrated(CALIBRATION, of_here, verify=True)
    for name, value in (("matches", 8), ("radius", 30.0), ("temperature", 0.3)):
        other = FITTED.model_copy(update={name: value})
        fitted = FITTED.evidence()[name]
        for verify in (False, True):
            with pytest.raises(ConfigError) as error:
                check_as_calibrated(CALIBRATION, other, verify)
            said = f"{name} is {value}, but the index was calibrated with {fitted}: leave it out"
            assert str(error.value).startswith(said) and "\n" not in str(error.value)


def test_how_matches_are_verified_counts_where_they_are() -> None:
    other = locate_options(
        CALIBRATION, {"verification": {"features": {"name": "sift", "ratio": 0.7}}}, "options"
    )
    check_as_calibrated(CALIBRATION, other, verify=False)
    said = r"^verification\.features\.ratio is 0\.7, but the index was calibrated with 0\.8"
    with pytest.raises(ConfigError, match=said):
        check_as_calibrated(CALIBRATION, other, verify=True)
