"""Words of the book and of other libraries, and what to write here in their place."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar


class WithWords:
    """Base of classes that answer words of other libraries with the right one.

    `_words` maps attributes that are not there to what to write; those of the bases count as well.
    """

    _words: ClassVar[Mapping[str, str]] = {}

    if not TYPE_CHECKING:  # for a type checker, an attribute that is not there is an error

        def __getattr__(self, name: str) -> Any:
            if any(name in vars(base) for base in type(self).__mro__):
                return object.__getattribute__(self, name)  # raises the error of a property
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            remedy = word(type(self), name)
            raise AttributeError(
                f"{message}; write {remedy}" if remedy else message, name=name, obj=self
            )


def word(cls: type, name: str) -> str:
    """Return what to write in place of an attribute of a class, "" if that is not known."""
    tables = (vars(base).get("_words", {}) for base in cls.__mro__)
    return next((table[name] for table in tables if name in table), "")


def refusing_flag(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `forward` that answers the book's flag `training`, which it does not take.

    Raises: TypeError, which says what to write, if the flag is given.
    """
    if "training" in inspect.signature(forward).parameters:
        return forward

    @functools.wraps(forward)
    def call(*args: Any, **keywords: Any) -> Any:
        try:
            return forward(*args, **keywords)
        except TypeError as error:
            if "training" in keywords or (len(args) > 2 and isinstance(args[-1], bool)):
                raise TypeError(
                    "forward takes no flag for training; call module.train() or module.eval() "
                    "before, which holds for all modules in it, and then module(X); nn.Model does "
                    "so by itself"
                ) from error
            raise

    return call


# fmt: off
MODEL = {
    "fit":                     "model.train(X, y, epochs=10, batch_size=32)",
    "compile":                 "model.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.Adam(), accuracy=nn.CategoricalAccuracy())",
    "forward":                 "model(X); for the mode, model.module.train() or model.module.eval()",
    "backward":                "loss.backward(), with loss = model.loss(model(X), y)",
    "layers":                  "model.module[i] for layer i, model.module.children() for all",
    "trainable_layers":        "model.parameters()",
    "output_layer_activation": "model.module[-1], and model.predict(X).argmax(axis=1) for the classes",
    "softmax_classifier_output": "nothing: a loss finds the softmax before it by itself",
    "input_layer":             "nothing: the first layer gets the data",
    "state_dict":              "model.get_parameters()",
    "load_state_dict":         "model.set_parameters(parameters)",
    "get_weights":             "model.get_parameters()",
    "set_weights":             "model.set_parameters(parameters)",
    "save_weights":            "model.save_parameters(path)",
    "load_weights":            "model.load_parameters(path)",
    "score":                   "model.evaluate(X, y)",
    "predict_proba":           "model.predict(X)",
    "eval":                    "model.module.eval(); evaluate and predict do so by themselves",
    "freeze":                  "model.module.freeze()",
    "to":                      "nothing: arrays stay where NumPy has them",
    "cuda":                    "nothing: arrays stay where NumPy has them",
}
MODULE = {
    "output":          "y = layer(x): a layer returns its output and does not keep it",
    "inputs":          "x.retain_grad() and x.grad for the gradient of the input x: a layer does not keep it",
    "dinputs":         "x.grad, after x = tg.Tensor(X, requires_grad=True) and loss.backward()",
    "dweights":        "layer.weights.grad, after loss.backward()",
    "dbiases":         "layer.biases.grad, after loss.backward()",
    "backward":        "loss.backward(), which computes the gradients of all layers",
    "predictions":     "outputs.argmax(axis=1) for the classes of a Softmax, outputs > 0.5 for a Sigmoid",
    "get_parameters":  "layer.state_dict()",
    "set_parameters":  "layer.load_state_dict(parameters)",
    "weight":          "layer.weights",
    "kernel":          "layer.weights",
    "bias":            "layer.biases",
    "trainable":       "layer.freeze() or layer.unfreeze()",
    "requires_grad_":  "module.freeze() or module.unfreeze()",
    "register_buffer": "self.buffer(name, array)",
    "weight_momentums": "nothing: optimizers keep their own states",
    "weight_cache":    "nothing: optimizers keep their own states",
    "add_module":      "self.name = module, or nn.Sequential(...).append(module)",
    "to":              "nothing: arrays stay where NumPy has them",
    "cuda":            "nothing: arrays stay where NumPy has them",
}
LOSS = {
    "calculate":                 "loss(y_pred, y_true); include_regularization=True is + module.regularization_loss()",
    "backward":                  "loss_value.backward(), with loss_value = loss(y_pred, y_true)",
    "remember_trainable_layers": "model.module.regularization_loss(), which finds the layers by itself",
    "new_pass":                  "nothing: a loss keeps no sums; model.evaluate(X, y) has the mean over batches",
    "calculate_accumulated":     "model.evaluate(X, y).loss",
}
METRIC = {
    "new_pass":              "metric.reset()",
    "calculate_accumulated": "metric.result()",
    "update_state":          "metric.update(y_pred, y)",
    "reset_state":           "metric.reset()",
}
OPTIMIZER = {
    "pre_update_params":  "optimizer.step(), once for all parameters: it also computes the learning rate",
    "update_params":      "optimizer.step(), once for all parameters, which are given as nn.Adam(net.parameters())",
    "post_update_params": "optimizer.step(), once for all parameters: it also counts the steps",
    "lr":                 "optimizer.learning_rate",
    "param_groups":       "optimizer.groups",
    "apply_gradients":    "loss.backward() and optimizer.step()",
    "minimize":           "loss.backward() and optimizer.step()",
}
SETTINGS = {  # arguments of optimizers
    "lr":     "learning_rate=",
    "params": "parameters=",
    "betas":  "beta_1= and beta_2=",
    "beta1":  "beta_1=",
    "beta2":  "beta_2=",
    "b1":     "beta_1=",
    "b2":     "beta_2=",
    "eps":    "epsilon=",
    "alpha":  "rho= of RMSprop",
    "lr_decay": "decay=, or one of nn.schedules as learning_rate=",
    "clipnorm": "clip_norm=",
    "clipvalue": "clip_value=",
    "global_clipnorm": "clip_norm=",
    "amsgrad": "nothing: it is not supported",
    "maximize": "nothing, and minimize the negative loss",
    "foreach": "nothing: steps are always joined",
    "fused":  "nothing: steps are always joined",
}
BOOK = {  # classes and functions of the book, and what stands in `nn` for them
    "Layer_Dense":                 "nn.Dense",
    "Layer_Dropout":               "nn.Dropout",
    "Layer_Input":                 "nothing: the first layer gets the data",
    "Activation_ReLU":             "nn.ReLU",
    "Activation_Softmax":          "nn.Softmax",
    "Activation_Sigmoid":          "nn.Sigmoid",
    "Activation_Linear":           "nn.Linear",
    "Activation_Softmax_Loss_CategoricalCrossentropy": "nn.Softmax and nn.CategoricalCrossentropy, which find each other",
    "Optimizer_SGD":               "nn.SGD",
    "Optimizer_Adagrad":           "nn.Adagrad",
    "Optimizer_RMSprop":           "nn.RMSprop",
    "Optimizer_Adam":              "nn.Adam",
    "Loss":                        "nn.losses.Loss",
    "Loss_CategoricalCrossentropy": "nn.CategoricalCrossentropy",
    "Loss_BinaryCrossentropy":     "nn.BinaryCrossentropy",
    "Loss_MeanSquaredError":       "nn.MeanSquaredError",
    "Loss_MeanAbsoluteError":      "nn.MeanAbsoluteError",
    "Accuracy":                    "nn.metrics.Accuracy",
    "Accuracy_Categorical":        "nn.CategoricalAccuracy",
    "Accuracy_Regression":         "nn.RegressionAccuracy",
    "spiral_data":                 "nn.datasets.spiral",
    "vertical_data":               "nn.datasets.vertical",
    "sine_data":                   "nn.datasets.sine",
}
TORCH = {  # classes of torch.nn and torch.optim
    "Parameter":         "tg.Tensor(array, requires_grad=True)",
    "ModuleList":        "a list of modules, which is searched for them, or nn.Sequential",
    "Identity":          "nn.Linear, the identity",
    "CrossEntropyLoss":  "nn.CategoricalCrossentropy(from_logits=True)",
    "NLLLoss":           "nn.CategoricalCrossentropy",
    "BCELoss":           "nn.BinaryCrossentropy",
    "BCEWithLogitsLoss": "nn.BinaryCrossentropy(from_logits=True)",
    "MSELoss":           "nn.MeanSquaredError",
    "L1Loss":            "nn.MeanAbsoluteError",
    "HuberLoss":         "nn.Huber",
    "Conv1d":            "nn.Conv1D",
    "Conv2d":            "nn.Conv2D",
    "ConvTranspose2d":   "nn.Conv2DTranspose",
    "MaxPool1d":         "nn.MaxPool1D",
    "MaxPool2d":         "nn.MaxPool2D",
    "AvgPool1d":         "nn.AveragePool1D",
    "AvgPool2d":         "nn.AveragePool2D",
    "BatchNorm1d":       "nn.BatchNorm",
    "BatchNorm2d":       "nn.BatchNorm",
    "Dropout2d":         "nn.SpatialDropout",
    "TransformerEncoderLayer": "nn.TransformerBlock",
    "MultiheadAttention": "nn.MultiHeadAttention",
}
# fmt: on
