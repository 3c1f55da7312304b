"""The model that is there without a network, a download or a training run."""

from beenhere.config import BackboneConfig, GeMConfig, ModelConfig, PreprocessingConfig

OFFLINE_LITE0 = ModelConfig(
    backbone=BackboneConfig(name="tf_efficientnet_lite0", pretrained=True, crop=1),
    aggregator=GeMConfig(learn_p=False),
    preprocessing=PreprocessingConfig(image_size=(320, 320), keep_aspect=True),
)
"""GeM on the third stage (112 channels, stride 16) of EfficientNet-Lite0 with ImageNet weights from
an installed package; not trained for place recognition: a baseline and a start."""
