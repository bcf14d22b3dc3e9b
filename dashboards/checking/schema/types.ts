// Grafana's types of what a dashboard's JSON holds. In JSON an enumeration is its values.
import type { AnnotationQuery, Dashboard, Panel, RowPanel, VariableModel } from "@grafana/schema";
import type { CloudWatchAnnotationQuery, CloudWatchMetricsQuery } from "@grafana/schema/dist/esm/raw/composable/cloudwatch/dataquery/x/CloudWatchDataQuery_types.gen";
import type * as pie from "@grafana/schema/dist/esm/raw/composable/piechart/panelcfg/x/PieChartPanelCfg_types.gen";
import type * as stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as states from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type * as series from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

type Json<T> = T extends string
  ? `${T}`
  : T extends readonly (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { [Key in keyof T]: Json<T[Key]> }
      : T;
// Grafana gives what is left out its default.
type Given<T> = T extends readonly (infer Item)[]
  ? Given<Item>[]
  : T extends object
    ? { [Key in keyof T]?: Given<T[Key]> }
    : T;

type PanelOf<Type extends string, Options, Custom> = Omit<Json<Panel>, "type" | "options" | "targets" | "fieldConfig"> & {
  type: Type;
  options: Json<Given<Options>>;
  fieldConfig: Omit<Json<NonNullable<Panel["fieldConfig"]>>, "defaults"> & {
    defaults: Omit<Json<NonNullable<Panel["fieldConfig"]>["defaults"]>, "custom"> & { custom?: Json<Given<Custom>> };
  };
};

export type Board = Omit<Json<Dashboard>, "panels" | "templating" | "annotations">;
export type Row = Json<RowPanel>;
export type TimeSeries = PanelOf<"timeseries", series.Options, series.FieldConfig>;
export type Stat = PanelOf<"stat", stat.Options, Record<string, never>>;
export type Pie = PanelOf<"piechart", pie.Options, pie.FieldConfig>;
export type States = PanelOf<"state-timeline", states.Options, states.FieldConfig>;
// The Foundation SDK writes these settings of an interval for every variable; Grafana reads them only there.
export type Variable = Json<VariableModel> & { auto: boolean; auto_min: string; auto_count: number };
export type Annotation = Omit<Json<AnnotationQuery>, "target">;
// The package has no types of Prometheus' data source: these are its own settings of a mark.
export type PrometheusAnnotation = Annotation & {
  expr: string;
  step: string;
  titleFormat: string;
  textFormat: string;
  tagKeys: string;
};
export type CloudWatchQuery = Json<CloudWatchMetricsQuery>;
export type CloudWatchMarks = Json<CloudWatchAnnotationQuery>;
