"""Pictures of the dashboards, drawn from their own JSON and the answers to their own queries.

No Grafana is needed, and none is imitated to the pixel: the grid, titles, units, thresholds,
legends and texts are those of the files. The values are what the data source answers now.
"""
