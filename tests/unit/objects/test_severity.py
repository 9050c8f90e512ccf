import pytest

from treehold.objects.severity import DEFAULT_SEVERITIES, Severity


@pytest.mark.parametrize("msg_id", ["hasDot", "hasDotdot", "hasDotgit", "fullPathname", "emptyName", "nullSha1"])
def test_unsafe_names_are_errors(msg_id: str) -> None:
    """Names that could leave the work tree are refused, though git fsck only warns of them."""
    assert DEFAULT_SEVERITIES[msg_id] is Severity.ERROR


@pytest.mark.parametrize("msg_id", ["zeroPaddedFilemode", "nulInCommit", "badFilemode", "missingTaggerEntry"])
def test_old_warts_are_warnings(msg_id: str) -> None:
    """What real histories have is taken."""
    assert DEFAULT_SEVERITIES[msg_id] is Severity.WARN
