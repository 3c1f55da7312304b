"""``beenhere data import``: take over a published set that a person got by hand."""

from pathlib import Path


def import_set(name: str, folder: Path, /, *, to: Path = Path("data")) -> None:
    """Check a published set that you got by hand, and lay it out where sets lie.

    Archives in the folder are unpacked. Nothing in it is changed: files get hard links, which take
    no room, or are copied where the disk is another. `beenhere data list NAME` says what a folder
    must hold.

    Args:
        name: of the set, such as `pitts30k`.
        folder: what you got: the set's folder, one around it, one with archives, or one archive.
        to: the folder that sets lie in; the set goes to a folder of its name there.
    """
    from beenhere.cli.data_list import COMMERCIAL
    from beenhere.datasets.acquire.import_set import import_set as take_over
    from beenhere.datasets.catalog import named_set

    entry = named_set(name)
    use = COMMERCIAL[entry.commercial]
    print(f"Licence of {entry.title}: {entry.licence}. Commercial use: {use}.")
    done = take_over(entry, folder, to)
    for part, count in done.photos.items():
        print(f"  {'all' if part == '.' else part}: {count:,} photos")
    if done.unusable:
        more = ", ..." if len(done.unusable) > 3 else ""
        some = ", ".join(done.unusable[:3])
        print(f"  {len(done.unusable):,} files cannot be used: {some}{more}")
    how = [
        f"{done.linked:,} files linked (no room taken)" if done.linked else "",
        f"{done.copied:,} files copied" if done.copied else "",
        f"{done.unpacked:,} archives unpacked" if done.unpacked else "",
    ]
    print(f"{done.folder}: {', '.join(filter(None, how))}. {folder} is as it was.")
    print(f"Have a look: beenhere data show {done.folder}")
