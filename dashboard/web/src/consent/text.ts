// How times are written on the consent page: of the log, in UTC.

export function when(time: string): string {
  return `${time.slice(0, 16).replace("T", " ")} UTC`;
}
