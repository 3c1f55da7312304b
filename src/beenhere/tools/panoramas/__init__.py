from beenhere.tools.panoramas.views_folder import ViewsFolder, write_views

__all__ = ["ViewsFolder", "write_views"]
