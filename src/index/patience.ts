// patience - how long a command waits for the database, and who hears that it waits.
export const patience = 10_000 // milliseconds
export const toldAfter = 1_000 // who waits longer wants to know for what

let listener: (dir: string) => void = () => undefined

// For the process: a command has one listener, a mount none.
export function onWaiting(tell: (dir: string) => void): void {
  listener = tell
}

export function tellWaiting(dir: string): void {
  listener(dir)
}
