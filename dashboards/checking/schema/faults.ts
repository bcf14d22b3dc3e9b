// Faults that the compiler must find: one that it lets pass is an error of this file.
import type { Board, CloudWatchQuery, Stat, TimeSeries, Variable } from "./types";

declare const stat: Stat;
declare const series: TimeSeries;
declare const variable: Variable;

// @ts-expect-error no field of a dashboard
export const field: Board = { schemaVersion: 42, titel: "unknown" };
// @ts-expect-error not one of the enumeration
export const view: Stat = { ...stat, options: { graphMode: "areas" } };
// @ts-expect-error an option of another kind of panel
export const option: TimeSeries = { ...series, options: { graphMode: "area" } };
// @ts-expect-error not one of the numbers
export const sort: Variable = { ...variable, sort: 99 };
// @ts-expect-error not a number of the query type
export const query: CloudWatchQuery = { refId: "A", id: "", region: "default", namespace: "", metricQueryType: 7 };
