"""Prints the tables of docs/cost.md: what deploy/terraform's environments cost a month.

Sizes are those of environments/*/main.tf; prices are below, in roubles with tax. Change both here,
run `python deploy/terraform/cost.py`, and put what it prints into docs/cost.md.
"""

from dataclasses import dataclass

HOURS = 730
# Assumptions, not offers: look each up in the provider's list before money is promised.
PRICES = {
    "vCPU, an hour": 1.20,
    "memory, a GB an hour": 0.32,
    "managed Kafka: vCPU, an hour": 2.00,
    "managed Kafka: memory, a GB an hour": 0.60,
    "Data Processing's surcharge: vCPU, an hour": 0.35,
    "network SSD, a GB a month": 13.50,
    "object storage, a GB a month": 2.30,
    "Kubernetes master in one zone, an hour": 6.00,
    "Kubernetes master in three zones, an hour": 18.00,
    "NAT, load balancer, addresses, keys, a month": 6000.00,
}


@dataclass(frozen=True)
class Machine:
    """So many of a size, for so many hours a month."""

    count: int
    cores: int
    memory_gb: int
    disk_gb: int
    hours: float = HOURS


@dataclass(frozen=True)
class Environment:
    """The sizes of one."""

    nodes: Machine
    master_zones: int
    kafka: Machine
    airflow: Machine
    spark: Machine  # Hours of its jobs.
    storage_gb: int


ENVIRONMENTS = {
    "dev": Environment(
        Machine(1, 2, 8, 64),
        1,
        Machine(1, 2, 8, 32),
        Machine(1, 2, 8, 80),
        Machine(3, 4, 16, 128, 20),
        150,
    ),
    "prod": Environment(
        Machine(3, 4, 16, 64),
        3,
        Machine(3, 2, 8, 200),
        Machine(1, 4, 16, 80),
        Machine(4, 4, 16, 128, 60),
        400,
    ),
}


def machine(one: Machine, kind: str = "") -> float:
    """Roubles a month."""
    cores, memory = PRICES[f"{kind}vCPU, an hour"], PRICES[f"{kind}memory, a GB an hour"]
    work = one.hours * (one.cores * cores + one.memory_gb * memory)
    disk = one.disk_gb * PRICES["network SSD, a GB a month"] * one.hours / HOURS
    return one.count * (work + disk)


def lines(one: Environment) -> dict[str, float]:
    """Part → roubles a month."""
    spark = one.spark
    surcharge = PRICES["Data Processing's surcharge: vCPU, an hour"]
    zones = "one zone" if one.master_zones == 1 else "three zones"
    return {
        "Kubernetes: nodes": machine(one.nodes),
        "Kubernetes: master": HOURS * PRICES[f"Kubernetes master in {zones}, an hour"],
        "Kafka": machine(one.kafka, "managed Kafka: "),
        "machine of the schedules and MLflow": machine(one.airflow),
        "Spark, by the job": machine(spark) + spark.count * spark.cores * spark.hours * surcharge,
        "buckets": one.storage_gb * PRICES["object storage, a GB a month"],
        "network and keys": PRICES["NAT, load balancer, addresses, keys, a month"],
    }


def tables() -> str:
    """Both tables as Markdown."""
    dev, prod = (lines(one) for one in ENVIRONMENTS.values())
    rows = ["| part | dev, RUB a month | prod, RUB a month |", "|---|---:|---:|"]
    rows += [f"| {part} | {dev[part]:,.0f} | {prod[part]:,.0f} |" for part in dev]
    both = sum(dev.values()) + sum(prod.values())
    rows += [f"| **sum** | {sum(dev.values()):,.0f} | {sum(prod.values()):,.0f} |"]
    rows += ["", f"Both for a year: **{both * 12 / 1e6:.1f}M RUB**; at twice these prices "]
    rows[-1] += f"{both * 24 / 1e6:.1f}M RUB."
    rows += ["", "| assumed price | RUB |", "|---|---:|"]
    rows += [f"| {name} | {price:,.2f} |" for name, price in PRICES.items()]
    return "\n".join(rows)


if __name__ == "__main__":
    print(tables())
