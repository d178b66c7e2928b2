import assert from "node:assert/strict";
import test from "node:test";
import { addDays, addMonths, clock, daysBetween, hoursOf, isDay, today } from "./day";

test("isDay takes dates that exist and nothing else", () => {
  for (const good of ["2026-01-31", "2024-02-29", "1999-12-31"]) assert.equal(isDay(good), true, good);
  for (const bad of ["2026-02-29", "2026-13-01", "2026-1-1", "26-01-01", "", "2026-01-01T00:00", "x"]) {
    assert.equal(isDay(bad), false, bad);
  }
});

test("addDays crosses months, years and clock changes", () => {
  assert.equal(addDays("2026-12-31", 1), "2027-01-01");
  assert.equal(addDays("2026-03-29", 1), "2026-03-30");
  assert.equal(addDays("2024-03-01", -1), "2024-02-29");
});

test("addMonths keeps the day, or takes the month's last", () => {
  assert.equal(addMonths("2026-03-31", -1), "2026-02-28");
  assert.equal(addMonths("2026-11-24", -11), "2025-12-24");
  assert.equal(addMonths("2024-02-29", 12), "2025-02-28");
});

test("daysBetween counts both ends", () => {
  assert.equal(daysBetween("2026-11-24", "2026-11-24"), 1);
  assert.equal(daysBetween("2026-03-01", "2026-03-31"), 31);
});

test("today is that of the site, not of the reader", () => {
  const now = new Date("2026-11-24T23:30:00Z");
  const cases: [string, string][] = [
    ["UTC", "2026-11-24"], ["Europe/Amsterdam", "2026-11-25"], ["America/New_York", "2026-11-24"],
    ["Asia/Kathmandu", "2026-11-25"], ["Pacific/Kiritimati", "2026-11-25"],
  ];
  for (const [zone, want] of cases) assert.equal(today(zone, now), want, zone);
  assert.equal(clock(now, "Asia/Kathmandu"), "2026-11-25 05:15:00");
  assert.equal(clock(new Date("2026-11-24T00:00:00Z"), "UTC"), "2026-11-24 00:00:00");
});

test("hoursOf leaves out the hour that the clock skips", () => {
  assert.equal(hoursOf("2026-11-24", "Europe/Amsterdam").length, 24);
  assert.equal(hoursOf("2026-11-24", "Asia/Kathmandu").length, 24);
  const spring = hoursOf("2026-03-29", "Europe/Amsterdam");
  assert.equal(spring.length, 23);
  assert.equal(spring.includes("02"), false);
  const autumn = hoursOf("2026-10-25", "Europe/Amsterdam");
  assert.deepEqual(autumn, [...autumn].sort());
  assert.equal(autumn.length, 24);
});
