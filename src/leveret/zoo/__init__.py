"""The zoo: three tiny packed models that come with Leveret, each with its card and a few images to try it on.

    leveret.zoo.names()                        # ("cluttered", "digits", "fashion")
    model = leveret.zoo.load("digits")         # a `leveret.runtime.Packed`
    images, labels = leveret.zoo.sample("digits")
    model.predict(images)

They run on the plain install, numpy and safetensors. A card says what its model does, what it learned from and under
which licence, the command that trained it, how good, large and fast it is, and what it can't do. On the command line
`zoo:NAME` stands for a model's file wherever one is asked for: `leveret predict zoo:digits images.npz`.
"""

from leveret.zoo._shelf import card, load, located, names, path, sample, title

__all__ = ["card", "load", "located", "names", "path", "sample", "title"]
