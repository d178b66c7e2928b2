// Package schema is the model of what Turf counts, as data: the dimensions and the aspects they belong to, the metrics,
// the cubes (which dimensions are counted together), the limits, and the calendar of a site.
//
// Everything else follows from the tables here: the columns of the table counts and the writer (schema/clickhouse), what an
// event adds to (aggregate), which cube answers a question (dashboard/stats), what `turf verify` checks, and the documentation.
// Adding a cube is one entry in [Cubes].
//
// The package imports nothing of ours and holds no state.
package schema
