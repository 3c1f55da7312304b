from beenhere.datasets.panoramas.write import ViewsFolder, write_views

__all__ = ["ViewsFolder", "write_views"]
