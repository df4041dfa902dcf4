"""All experiments. Nothing is imported for it that takes time: `leveret --help` reads it."""

from __future__ import annotations

from leveret.experiments._experiment import Experiment, Part

__all__ = ["EXPERIMENTS"]

_ALL = (
    Experiment(
        "main-job",
        "A teacher and its packed binary student on four datasets, and what the command line costs",
        "ours",
        {
            "digits": Part(6, 18, seeds=None),
            "fashion": Part(30, 11, ("fashion",)),
            "cifar": Part(220, 10, ("cifar",)),
            "elpv": Part(8, 9, ("elpv",)),
            "bench": Part(5, 27, ("checkout",)),
        },
    ),
    Experiment(
        "engine",
        "Kernels and whole nets beside PyTorch, ONNX Runtime and OpenVINO; mutated files",
        "ours; Rastegari et al., ECCV 2016",
        {
            "kernels": Part(2, 4, ("checkout",), seeds=()),
            "lowbit": Part(2, 2, ("checkout",), seeds=()),
            "real": Part(1, 2, ("checkout",), seeds=()),
            "net": Part(2, 16, ("checkout",), seeds=()),
            "step": Part(0.5, 3, ("checkout",), seeds=()),
            "import": Part(0.2, 1, seeds=()),
            "fuzz": Part(15, 6),
        },
    ),
    Experiment(
        "shrink",
        "The compression catalogue: bytes, errors and times of pruned, shared, hashed, ternary and binary nets",
        "LeCun 1990 to Rastegari 2016",
        {
            "deep": Part(55, 4, ("mnist",)),
            "obs": Part(10, 11, ("mnist",)),
            "hashed": Part(17, 2, ("mnist",)),
            "mnist": Part(22, 12, ("mnist",)),
            "cifar": Part(60, 9, ("cifar",)),
            "ensemble": Part(165, 7, ("fashion",), seeds=None),
        },
    ),
    Experiment(
        "deep-vs-shallow",
        "Must nets be deep, or convolutional? Distilled students, and links within layers",
        "Urban et al., ICLR 2017",
        {
            "fashion": Part(90, 8, ("fashion",), seeds=None),
            "cifar": Part(30, 2, ("cifar",), seeds=None),
            "objectives": Part(30, 3, ("fashion",), seeds=None),
            "workers": Part(8, 16),
            "transfer": Part(8, 32, ("checkout",)),
        },
    ),
    Experiment(
        "imbalance",
        "What helps when a class is rare: every method of the balance catalogue, beside imbalanced-learn",
        "a review's five; Cui 2019 to Menon 2021",
        {
            "elpv": Part(40, 7, ("elpv",), seeds=None),
            "fashion": Part(32, 4, ("fashion",), seeds=None),
            "cifar": Part(62, 3, ("cifar",), seeds=None),
            "mining": Part(5, 4, ("fashion",)),
            "sampler": Part(8, 72, ("checkout",)),
        },
    ),
    Experiment(
        "dynamic-capacity",
        "A closer look where it matters: cluttered digits, solar cells, digits on street scenes",
        "Almahairi et al., ICML 2016",
        {
            "mnist": Part(160, 7, ("mnist",), seeds=None),
            "elpv": Part(80, 5, ("elpv",), seeds=None),
            "streets": Part(150, 6, ("mnist", "camvid"), seeds=None),
            "speed": Part(5, 13, ("mnist",)),
        },
    ),
    Experiment(
        "logic-rules",
        "Rules as teachers: what the net learns from them, apart from projecting by them at test",
        "Hu et al., ACL 2016; Krishna et al., EMNLP 2018",
        {
            "exact": Part(1, 1),
            "sst2": Part(30, 2, ("sst2", "glove"), seeds=None),
            "wnut": Part(25, 3, ("wnut", "glove"), seeds=None),
            "images": Part(8, 1, ("fashion",), seeds=None),
        },
    ),
    Experiment(
        "parsenet",
        "What context is worth to small segmenters, and whether batch norm makes its norm needless",
        "Liu, Rabinovich & Berg, 2015",
        {
            "camvid": Part(70, 2, ("camvid",), seeds=None),
            "crf": Part(30, 2, ("camvid",)),
            "reach": Part(70, 1, ("camvid",), seeds=None),
            "speed": Part(3, 4, ("camvid",)),
            "packed": Part(15, 4, ("camvid", "onnx")),
        },
    ),
    Experiment(
        "judge",
        "A machine as the observer: false alarms, power, uses, and other libraries' tests",
        "Lopez-Paz & Oquab, ICLR 2017",
        {"null": Part(2, 1, seeds=None), "power": Part(3, 15, seeds=None), "uses": Part(2, 16), "peers": Part(3, 2)},
    ),
    Experiment(
        "budget",
        "A lifetime's images; how near plans come to what trainings cost",
        "ours",
        {"lifetime": Part(0.1, 1, seeds=()), "planner": Part(3, 7)},
    ),
    Experiment(
        "incremental",
        "New classes without starting over: trees that grow, beside replay, distillation and training anew",
        "Xiao et al., ACM MM 2014",
        {
            "fashion": Part(22, 12, ("fashion",), seeds=None),
            "cifar": Part(28, 14, ("cifar",), seeds=None),
            "workers": Part(3, 3, ("fashion",)),
            "packed": Part(0.5, 3, ("fashion",)),
        },
    ),
)

# by name, in the order in which they are listed and run
EXPERIMENTS = {experiment.name: experiment for experiment in _ALL}
