"""Training that makes networks small (needs torch, the extra `train`).

Any module of linear, convolutional and recurrent layers, and any DataLoader::

    prune(net, loader, Pruning(density=0.1, end=10, every=1), Training(epochs=15), validation=held_out)
    shared = share(net, Sharing(bits=4))
    fine_tune(net, loader, shared, FineTuning(), Training(epochs=5), validation=held_out)

Each is a module of this package and works by itself, in place; the weights stay plain float32 parameters. `eie.train`
(`sw.training.own_module`) does all of it to a module, `eie train` runs whole recipes (`sw.training.recipe`,
`sw.training.pipeline`).
"""

from importlib.util import find_spec

from model.errors import EieError
from sw.extras import pip_install

if find_spec("torch") is None:
    raise EieError(f"training needs torch: {pip_install('train')}")
