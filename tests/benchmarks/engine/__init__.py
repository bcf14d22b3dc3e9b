"""`make test-engine`: the lake's SQL on Apache Spark, against the small engine."""
