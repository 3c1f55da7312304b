from beenhere.city.city_folder import CityFolder, write_city
from beenhere.city.render import render_view

__all__ = ["CityFolder", "render_view", "write_city"]
