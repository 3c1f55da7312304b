from beenhere.datasets.city.city_folder import CityFolder, write_city
from beenhere.datasets.city.render import render_view

__all__ = ["CityFolder", "render_view", "write_city"]
