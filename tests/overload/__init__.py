"""The overload proof: drift checks each minute on a machine whose cores are all busy."""
