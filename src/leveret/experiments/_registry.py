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
            "digits": Part(6, 9, seeds=None),
            "fashion": Part(30, 12, ("fashion",)),
            "cifar": Part(220, 12, ("cifar",)),
            "elpv": Part(8, 9, ("elpv",)),
            "bench": Part(5, 60, ("checkout",)),
        },
    ),
    Experiment(
        "engine",
        "Kernels and whole nets beside PyTorch, ONNX Runtime and OpenVINO; mutated files",
        "ours; Rastegari et al., ECCV 2016",
        {
            "kernels": Part(2, 15, ("checkout",), seeds=()),
            "lowbit": Part(2, 10, ("checkout",), seeds=()),
            "real": Part(1, 5, ("checkout",), seeds=()),
            "net": Part(2, 25, ("checkout",), seeds=()),
            "import": Part(0.2, 2, seeds=()),
            "fuzz": Part(15, 10),
        },
    ),
    Experiment(
        "shrink",
        "The compression catalogue: bytes, errors and times of pruned, shared, hashed, ternary and binary nets",
        "LeCun 1990 to Rastegari 2016",
        {
            "deep": Part(55, 15, ("mnist",)),
            "obs": Part(10, 12, ("mnist",)),
            "hashed": Part(17, 6, ("mnist",)),
            "mnist": Part(22, 25, ("mnist",)),
            "cifar": Part(60, 25, ("cifar",)),
            "ensemble": Part(165, 20, ("fashion",), seeds=None),
        },
    ),
    Experiment(
        "deep-vs-shallow",
        "Must nets be deep, or convolutional? Distilled students, and links within layers",
        "Urban et al., ICLR 2017",
        {
            "fashion": Part(90, 25, ("fashion",), seeds=None),
            "cifar": Part(30, 25, ("cifar",), seeds=None),
            "objectives": Part(30, 10, ("fashion",), seeds=None),
            "workers": Part(8, 20),
            "transfer": Part(8, 15, ("checkout",)),
        },
    ),
    Experiment(
        "imbalance",
        "What helps when a class is rare: every method of the balance catalogue, beside imbalanced-learn",
        "a review's five; Cui 2019 to Menon 2021",
        {
            "elpv": Part(40, 60, ("elpv",), seeds=None),
            "fashion": Part(32, 60, ("fashion",), seeds=None),
            "cifar": Part(62, 60, ("cifar",), seeds=None),
            "mining": Part(5, 8, ("fashion",)),
            "sampler": Part(8, 40, ("checkout",)),
        },
    ),
    Experiment(
        "dynamic-capacity",
        "A closer look where it matters: cluttered digits, solar cells, digits on street scenes",
        "Almahairi et al., ICML 2016",
        {
            "mnist": Part(160, 30, ("mnist",), seeds=None),
            "elpv": Part(80, 20, ("elpv",), seeds=None),
            "streets": Part(150, 20, ("mnist", "camvid"), seeds=None),
            "speed": Part(5, 25, ("mnist",)),
        },
    ),
    Experiment(
        "logic-rules",
        "Rules as teachers: what the net learns from them, apart from projecting by them at test",
        "Hu et al., ACL 2016; Krishna et al., EMNLP 2018",
        {
            "exact": Part(1, 5),
            "sst2": Part(30, 25, ("sst2", "glove"), seeds=None),
            "wnut": Part(25, 20, ("wnut", "glove"), seeds=None),
            "images": Part(8, 10, ("fashion",), seeds=None),
        },
    ),
    Experiment(
        "parsenet",
        "What context is worth to small segmenters, and whether batch norm makes its norm needless",
        "Liu, Rabinovich & Berg, 2015",
        {
            "camvid": Part(70, 25, ("camvid",), seeds=None),
            "crf": Part(30, 10, ("camvid",)),
            "reach": Part(70, 15, ("camvid",), seeds=None),
            "speed": Part(3, 10, ("camvid",)),
            "packed": Part(15, 15, ("camvid", "onnx")),
        },
    ),
    Experiment(
        "judge",
        "A machine as the observer: false alarms, power, uses, and other libraries' tests",
        "Lopez-Paz & Oquab, ICLR 2017",
        {"null": Part(2, 10, seeds=None), "power": Part(3, 15, seeds=None), "uses": Part(2, 20), "peers": Part(3, 10)},
    ),
    Experiment(
        "budget",
        "A lifetime's images; how near plans come to what trainings cost",
        "ours",
        {"lifetime": Part(0.1, 1, seeds=()), "planner": Part(3, 20)},
    ),
    Experiment(
        "incremental",
        "New classes without starting over: trees that grow, beside replay, distillation and training anew",
        "Xiao et al., ACM MM 2014",
        {
            "fashion": Part(22, 20, ("fashion",), seeds=None),
            "cifar": Part(28, 20, ("cifar",), seeds=None),
            "workers": Part(3, 15, ("fashion",)),
            "packed": Part(0.5, 5, ("fashion",)),
        },
    ),
)

# by name, in the order in which they are listed and run
EXPERIMENTS = {experiment.name: experiment for experiment in _ALL}
