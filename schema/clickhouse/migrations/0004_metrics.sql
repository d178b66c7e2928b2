-- Three metrics change. The time on a page is kept in whole seconds (engaged_seconds), not in milliseconds (engaged_ms): nobody asks for more
-- than the average in seconds. In cubes that keep page views, events were those and custom events together; now custom events are kept
-- alone (custom_events), since the other number is kept already. And nearly all visits of which it is known how long they looked at a page
-- told how much of it they saw: now those are counted that did not (unscrolled_visits), not those that did (scroll_visits).
-- What is there is converted in place. First the old columns get other names, so that a program of before can insert no more; its batches
-- wait in its journal. The new columns come with the old values as their defaults, so that they are right in every part at once; one
-- rewriting of the parts makes them lasting, and then the defaults and the old columns go. All of it may be run again at any time, also by
-- several processes and beside inserts of this version: nothing reads again what it has written. A table that is new has nothing to convert.
ALTER TABLE {{.Local "counts"}} RENAME COLUMN IF EXISTS engaged_ms TO before_engaged_ms;
ALTER TABLE {{.Local "counts"}} RENAME COLUMN IF EXISTS scroll_visits TO before_scroll_visits;
ALTER TABLE {{.Local "counts"}}
    ADD COLUMN IF NOT EXISTS pageviews Int64, ADD COLUMN IF NOT EXISTS events Int64, ADD COLUMN IF NOT EXISTS engaged_visits Int64,
    ADD COLUMN IF NOT EXISTS before_engaged_ms Int64, ADD COLUMN IF NOT EXISTS before_scroll_visits Int64;
ALTER TABLE {{.Local "counts"}}
    ADD COLUMN IF NOT EXISTS engaged_seconds Int64 DEFAULT toInt64(round(before_engaged_ms / 1000)),
    ADD COLUMN IF NOT EXISTS unscrolled_visits Int64 DEFAULT engaged_visits - before_scroll_visits,
    ADD COLUMN IF NOT EXISTS custom_events Int64 DEFAULT if(cube IN ({{.CubesOfViews}}), events - pageviews, 0);
ALTER TABLE {{.Local "counts"}}
    UPDATE engaged_seconds = engaged_seconds, unscrolled_visits = unscrolled_visits, custom_events = custom_events,
        events = if(cube IN ({{.CubesOfViews}}), 0, events)
    WHERE true;
ALTER TABLE {{.Local "counts"}} MODIFY COLUMN engaged_seconds DEFAULT 0, MODIFY COLUMN unscrolled_visits DEFAULT 0,
    MODIFY COLUMN custom_events DEFAULT 0;
ALTER TABLE {{.Local "counts"}} DROP COLUMN IF EXISTS before_engaged_ms, DROP COLUMN IF EXISTS before_scroll_visits;
{{if .Cluster}}
ALTER TABLE {{.Everywhere "counts"}}
    ADD COLUMN IF NOT EXISTS engaged_seconds Int64, ADD COLUMN IF NOT EXISTS unscrolled_visits Int64,
    ADD COLUMN IF NOT EXISTS custom_events Int64, DROP COLUMN IF EXISTS engaged_ms, DROP COLUMN IF EXISTS scroll_visits;
{{end}}
