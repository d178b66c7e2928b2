// Package reports answers questions about the events of people who gave consent: funnels, retention, journeys, cohorts, feature
// adoption, clicks and heatmaps. It reads only the tables of the opt-in path. What the counting path knows comes in through
// [Counted], a function, so that no statement reads both (P8).
//
//	q, err := reports.ParseFunnel(body)          // strict; every error is an *InvalidError that says what to do
//	engine := &reports.Engine{Runner: db, Now: time.Now, Counted: counted}
//	answer, err := engine.Funnel(ctx, &site, q)  // a struct that is its own JSON
//
// The same goes for Retention, Journeys, Paths, People, Adoption, Clicks and Heat. All but the Runner, the clock and Counted is
// pure; what users typed is only ever a parameter of a statement.
//
// # What all reports have in common
//
// A period (date_range) is whole days of the site's calendar: a day begins and ends at the site's own midnight, also when the
// clock is changed. It is written as in the stats API.
//
// A person's events are taken in the order of their time in milliseconds and, where two have the same, of their seq.
//
// A match is the view of a page ({"page": "/shop/*"}), an event ({"event": "signup"}), or anything ({}), and conditions on the
// event's properties and the visit: {"name": "event:props:plan", "op": "is", "values": ["pro"]}; op is is, is_not, contains or
// contains_not; name is event:props:NAME, event:page, event:hostname or visit:channel, source, utm_campaign, referrer, country, device,
// browser or os. A property that an event has not is the empty text, so is_not and contains_not hold for it. Names that begin
// with $ are the script's own events ($click, $seen, $rage, $dead); anything is anything but those.
//
// Coverage is in every report: "n consented of N counted (x %)". n is people by day, added up over the days, because N is visitors
// by day, added up: the counting path forgets at midnight. Who consents is not a fair sample of who visits; so the numbers of a
// report can be weighted.
//
// Weights ("weight": true) make the people of the period fit what was counted by source, by device and by country, by iterative
// proportional fitting. Both numbers are always there. People of whom nobody consented cannot be made up: then
// coverage.weighting.converged is false. Weights add up to the number of people.
//
// k: a row of a breakdown names a value only when at least k people are in it (5, or more if asked). The others are one row,
// "(other)", which takes in further rows until it has k people too. Cohorts of retention with fewer people show no numbers, and a
// cohort of fewer than k only says so.
//
// # Cohorts
//
// Every question about people takes a cohort, a list of rules of which all hold (or one, with "any"): did, or did not do, something
// at least and at most so often in the period or its last days; first seen in a period; has an event with a property. [Engine.People]
// says how large it is and who is in it; a journey, or [Engine.Paths], with a cohort is the paths of a cohort.
//
// # Funnels
//
// In order: somebody reached step n when n different events, each later than the one before, fit the steps 1 to n, the first lies in
// the period, and the last came at most window_sec after the first, possibly after the period. Other events may lie between. One
// event is one step, also where it fits several.
//
//	strict      the same, and nothing lies between but the script's own events that are no step
//	any_order   n different steps were done within window_sec of an event that fits one; an event that fits several does them all.
//	            Row n is "n of the steps"
//	exclude     what must not lie between the steps after and before (the first and the last, unless said); a step in between must
//	            not be it either
//	hold        the values of these attributes are the same at all steps; events without a value take no part. What is excluded,
//	            and what strict looks at, is of the same values too
//
// Counting people and sessions, each counts once a step: at the first time it was reached, and where several beginnings led there,
// from the latest. The time is from that beginning to the step. Totals count beginnings: each event of step 1, and for step n each
// one that is the latest beginning of some arrival at step n, once; its time is that of its first arrival.
//
// A breakdown is by the first event of all that is kept of a person. Next is what somebody did within window_sec after the last
// step that they reached. Open says that some may still go on.
//
// # Retention
//
// Somebody belongs to the day, week or month of their first event (of all that is kept) that fits birth. They came back after n
// units when an event that fits return, not before the first one, lies in the n-th unit after (on), in that or a later one
// (on_or_after), or in one of a bracket's. Weeks begin on Monday. A cell whose time is not over is incomplete, one whose time has
// not begun is null, and the curve has only cohorts whose time is over.
//
// # Journeys
//
// From a person's (or session's) first event in the period that fits the anchor onwards, or from the last one backwards: up to 8
// steps. The same page or event again is no step, unless repeats are asked for. At each step the top are named, of k people or more.
// Edges and nodes add up: what leaves a node is what was there; "(exit)" and "(entry)" are where nothing more came.
//
// # Feature adoption
//
// The share of the active people who used a feature, in the period and in each unit, and which features nobody used. Stickiness is
// the mean over the days of the period of who was active on the day, in 7 and in 30 days, and their ratios.
//
// # Clicks and heatmaps
//
// Clicks are events with the element in the property el. An element that was on the screen ($seen) and that nobody clicked on in the
// period is never_clicked. A heatmap is sums of a grid; where a person clicked is stored nowhere.
package reports
