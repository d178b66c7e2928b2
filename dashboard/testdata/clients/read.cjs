// Asks a server everything that the npm package plausible can ask, and prints what it makes of the answers.
// Usage: node read.cjs URL KEY SITE, with the package in NODE_PATH.
const Plausible = require("plausible").default;

async function main(url, key, site) {
  const client = new Plausible(key, site, url);
  const failed = new Plausible("turf_wrong", site, url);
  const says = async (promise) => promise.then(() => "answered", (error) => error.message);
  return {
    realtime: await client.getRealtime(),
    aggregate: await client.getAggregate("7d", "visitors"),
    aggregateCompared: await client.getAggregate("day", "pageviews", true),
    aggregateFiltered: await client.getAggregate("7d", "visitors", false, "visit:source==Google;visit:country==EE"),
    aggregateOfDates: await client.getAggregate("custom", "bounce_rate", false, null, "2026-03-01,2026-03-31"),
    timeseries: await client.getTimeseries("custom", "visitors", null, "date", "2026-03-29,2026-03-31"),
    months: await client.getTimeseries("6mo"),
    breakdown: await client.getBreakdown("7d", "visitors", "visit:source", null, 2, 1),
    secondPage: await client.getBreakdown("7d", "visitors", "visit:source", null, 2, 2),
    wildcard: await client.getBreakdown("7d", "pageviews", "event:page", "event:page==/b*"),
    wrongKey: await says(failed.getAggregate("7d", "visitors")),
    notKept: await says(client.getBreakdown("7d", "visitors", "event:page", "visit:source==Google;visit:country==EE")),
  };
}

main(...process.argv.slice(2)).then(
  (all) => console.log(JSON.stringify(all)),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
