from beenhere.datasets.city.render import render_view
from beenhere.datasets.city.write import CityFolder, write_city

__all__ = ["CityFolder", "render_view", "write_city"]
