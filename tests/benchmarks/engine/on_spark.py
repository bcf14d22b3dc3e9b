"""Runs queries with Spark, in Spark's own environment: `on_spark.py REQUEST.json`.

It imports nothing of this project. The request names the tables with their folders, and the queries
with the folders for their results. Spark runs as a cluster of two worker processes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pyspark

# Spark looks here for its own classes, which it starts the workers with.
os.environ["SPARK_HOME"] = str(Path(pyspark.__file__).parent)
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"

from pyspark.sql import SparkSession


def main(request: Path) -> None:
    asked = json.loads(request.read_text())
    settings = {
        "spark.master": f"local-cluster[2,1,{asked['worker_mb']}]",
        "spark.executor.memory": f"{asked['worker_mb']}m",
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.local.dir": asked["scratch"],
        "spark.sql.warehouse.dir": asked["scratch"],
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "16",
    }
    builder = SparkSession.builder.appName("evergreen")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    for name, folder in asked["tables"].items():
        database = name.rpartition(".")[0]
        session.sql(f"CREATE DATABASE IF NOT EXISTS {database}")
        session.sql(f"CREATE TABLE {name} USING parquet LOCATION '{folder}'")
    seconds = {}
    for name, query in asked["queries"].items():
        started = time.monotonic()
        session.sql(query["sql"]).write.parquet(query["folder"])
        seconds[name] = time.monotonic() - started
    answer = {"version": session.version, "seconds": seconds}
    Path(asked["answer"]).write_text(json.dumps(answer))
    # The caller ends the whole process group: stopping the local cluster can wait for ever.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
