// Package stats answers questions about counters.
//
// A question has the form of Plausible's stats API v2. [Parse] reads it, strictly: a key, metric, dimension or value that is
// not known is refused with an [InvalidError] that says what to do. [Engine.Answer] resolves its dates in the site's time
// zone, chooses the smallest cube that holds its dimensions, writes the SQL, runs it, and names what comes back. Everything
// but the Runner and the clock given to the Engine is pure.
//
// # Roles
//
// A cube with a page keeps three readings of it, and a question takes one of them:
//
//	reading         dimensions                             visitors        visits   bounce_rate, visit_duration  also
//	page            event:page, event:hostname             visitors        visits   of visits that entered here  pageviews, events
//	                event:next_page                        visitors        –        –                            events
//	entry           visit:entry_page(_hostname)            entry_visitors  entries  of visits that entered here
//	exit            visit:exit_page(_hostname)             exit_visitors   exits    –                            exit_rate
//	event           event:name, event:goal, event:props:*  visitors        visits   –                            events
//	                (with event:page: where it happened)
//	drop            drop:reason, drop:agent                –               –        –                            drops
//	web vital       event:page, event:hostname,            –                –        –                            its metrics
//	                visit:device
//	visit           all others                             visitors        visits   of the visits                all but exit_rate
//
// # Time
//
// Visitors are counted a day at a time; those of several days are the sum of the days. A span that begins or ends inside a
// day has no number of visitors. By the hour, visitors and visits count in every hour in which the visit was active, as
// Plausible's do; so hours do not add up to days. The other metrics belong to the hour in which they happened, and bounce_rate,
// visit_duration and views_per_visit by the hour are about the visits that began in it (views_per_visit: page views of the hour
// over visits that began in it). Without time:hour, visits of whole days are those that began in them, and visits of a span that
// begins inside a day are those that were active in it, as Plausible's: visits by source, place and device that began before
// its first hour and went on in it count too. Visits by page or event of such a span are refused: a visit counts where it first
// saw the page. Visits by entry and exit page are those that began in the span, always.
//
// Hours are those of the site's clock. When the clock is put back there are two hours of one label, as two rows. Weeks begin on
// Monday; one that begins before the span bears the span's first day as its label. Months bear their first day.
//
// # Goals
//
// event:goal has the goals that the site's owner declared, by the names they gave. A goal that is a custom event is answered from
// the counters of events, one that is the view of one page from those of pages, so both are known for the time before they were
// declared too; events is then how often the page was seen. Page patterns and scroll depths are counted from their declaration on,
// like events: "counted_since" in meta.metric_warnings and the times in meta.counted_since say when that lies inside the span.
//
// conversion_rate is the row's visitors as a share of all visitors that the question leaves when its goals and properties are
// taken out; group_conversion_rate as a share of those in the same group (source, day, hour, …).
//
// # Revenue
//
// A goal that is an event may have a currency. The amounts that its events carry in that currency are counted from then on, in minor
// units, so that sums are exact: total_revenue is their sum, average_revenue their mean over the events that had one; both are
// null, with a warning, for goals without a currency and for several currencies together. Amounts in another currency are not
// counted: nothing is converted.
//
// # Transitions
//
// event:next_page, our own, is the page that a visit saw next after that of event:page: visitors is who went from the one to the
// other, events how often it was done. A reload goes nowhere. Pairs of pages of fewer than k visitors a day are under (other).
//
// # Funnels
//
// [Engine.Funnel] answers how many visitors took the steps of a funnel that the site's owner declared, by the rules of
// [schema.Funnel], and how long they needed. It is counted from its declaration on, by the day, and cannot be filtered.
//
// # Segments
//
// A segment is a filter that the site's owner declared ([schema.Segment]); ["is","segment",["Name"]], or its id, is then a filter of
// any question that has no dimension, or the core of one side: event:page and event:hostname; visit:source, visit:channel and
// visit:utm_campaign; visit:country; visit:device, visit:browser and visit:os; event:name and event:goal. It is counted from its
// declaration on, by the day; "counted_since" says when that lies inside the span. An event is in the segment for which the filter
// holds: visitors and visits are those with such an event, pageviews and events are those events. bounce_rate, visit_duration and
// views_per_visit are about whole visits, and answered of segments whose filter names only source, place and device, which hold for
// all of a visit or for none. The counters of fewer than k visitors of a day are in no answer, nor under (other):
// "small_groups_hidden" says so.
//
// In a segment, event:name of a page view is "pageview", a property that an event does not have is "(none)", and visit:entry_page is
// that of the visit so far.
//
// # Engagement
//
// time_on_page is the mean, over the visits of which the browser told it, of the time that a page was looked at in a visit;
// scroll_depth the mean of the largest part that a visit saw. By the hour, both are about the visits that began in it. The
// time of each visit on a page is rounded to the nearest second before it is added up, up and down alike. The percentiles
// time_on_page_p50, _p75 and _p90 are read from a histogram with buckets that are at most a quarter wide, so they are within an eighth of
// the true ones.
//
// # Web vitals
//
// Of each web vital (lcp, inp, cls, ttfb, fcp), our own: lcp_p50, lcp_p75 and lcp_p90 are percentiles over page views, in milliseconds
// (cls as it is), and lcp_views is on how many page views it was measured. A page view is where it began, on its day, and each
// counts, so page views of several pages add up. The percentiles are read from a histogram, as above: they are within an eighth of
// the true ones, and more than 60 s, or a shift of 10, counts as that. A page is good when lcp_p75 is at most 2500, inp_p75 200,
// cls_p75 0.1, ttfb_p75 800 and fcp_p75 1800, and poor above 4000, 500, 0.25, 1800 and 3000 (web.dev/articles/vitals); one that is
// within an eighth of such a bound may be on its other side.
//
// They are kept by event:page, event:hostname, visit:device and day, and go with nothing else. By device, buckets of fewer than k
// visitors a day are under (other), more of them at the ends than in the middle. What is missing is known, since all measurements
// of a page and device are counted too: where it is more than a tenth of them the percentile is null, else its rank is off by at
// most a tenth.
//
// # Imported days
//
// Of days that were imported (Engine.Imports), only what the import told is known; the store has no rows of the rest, or rows of 0. The
// answer is about the days of which something that was asked for is known (gaps): the others are in no row, no total and no share, and in
// meta.left_out_days. A metric that is not known of some of the days that are left is null in each row that has such a day: see
// meta.unknown_days. By time alone, a bucket of which something is not known has a row, also where nothing was counted. Drops are of the
// requests to this server, and known of all days.
//
// # What is undefined
//
// bounce_rate, visit_duration, views_per_visit, exit_rate and percentage are null where nothing stands below the line: a page
// on which no visit began has no bounce rate. (Plausible answers 0 or null.)
//
// # Exactness
//
// Page views, events, visits by source, place or device, entries, exits, bounces and durations add up, so every sum of them is
// exact. Visitors do not: who came by two campaigns is a visitor of both. Place and device are fixed for a visitor's day, page,
// source and event are not. So:
//
//   - a question that leaves the page (or the event) open, such as the visitors of all pages whose path contains /blog, would
//     count a visitor once a page. It is refused, and so are visits of that kind. Visitors by entry or exit page are refused too
//     where the page is open; visits are not, since a visit has one of each.
//   - a question that names the page but not the hostname, the event's property but not the event, or less than all of channel,
//     source and campaign, adds up the tuples that it leaves open. It is answered. Where more than one tuple was really joined,
//     meta.metric_warnings says that the number is an upper limit ("joined_tuples"): a visitor of a day who is in
//     several of them counts once for each. Without that warning the number is exact. It is too large by one for each
//     tuple but the first that a visitor's day is in, and by nothing else. Over all joined questions of a week of 100,000 visitors, with
//     every dimension, every filter and nearly 2 % of the visitors' days with several sources, that was 0.36 % (TestEveryPair, which
//     refuses more than 0.5 %); the largest of a row of at least 100 visitors was 4.5 %, of a start page that two hosts share, by
//     campaign.
//   - a filter on what is hidden below k visitors (design.md, P4) finds only what is shown: "small_groups_hidden" says so.
//   - of more values than are kept of a site and day (schema.Dimensions) the later ones are under (other): "values_limit" says so
//     where the answer has such a row. Totals stay exact.
//   - a goal that is the view of one page is answered from the counters of that page, so an event on it without its view, as after
//     midnight, makes a visitor of the goal; its events are the views.
//   - an event without the property is not in the counters of that property. There is no row "(none)", and filters that would
//     have to find such events are refused.
//
// # Names
//
// visit:country is ISO 3166-1 alpha-2, visit:region ISO 3166-2, visit:city the id of GeoNames, as a number; where the database of
// places has no ids, it is the city's name. visit:country_name, visit:region_name and visit:city_name are in English; a code without
// a name stands for itself. Filters by is also take other names of countries, such as USA, and refuse names that nothing has.
// A missing value reads "Direct / None" for source and referrer and "(not set)" for all else, in answers and in filters.
package stats
