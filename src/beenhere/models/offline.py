"""The model that is there without a network, a download or a training run.

GeM on the third stage (112 channels, stride 16) of EfficientNet-Lite0, with ImageNet weights that
an installed package carries. It was never trained for place recognition: a baseline, a model to
try things with, and a network to start training from.

Photos keep their aspect, 320 px on the shorter side. That is the best or near it of what was tried
on two small sets of real photos. R@1 in percent: photos of a street walk, each searched among the
others (29, hits within 25 m), and frames of a corridor on a second pass (111, within 2 frames):

=====================  ====  ========
shorter side           walk  corridor
=====================  ====  ========
224                      90        68
224, stretched           79        63
320                     100        69
320, stretched           93        68
384                      97        65
480                      93        68
=====================  ====  ========

Such few photos tell 90 from 100, and little finer. Its similarities lie close together (unrelated
streets 0.98 to 0.996, a street and a corridor 0.96): the order means something, the number alone
does not.
"""

from beenhere.config import BackboneConfig, GeMConfig, ModelConfig, PreprocessingConfig

OFFLINE_LITE0 = ModelConfig(
    backbone=BackboneConfig(name="tf_efficientnet_lite0", pretrained=True, crop=1),
    aggregator=GeMConfig(learn_p=False),
    preprocessing=PreprocessingConfig(image_size=(320, 320), keep_aspect=True),
)
"""The options of ``load_model("offline-lite0")``."""
