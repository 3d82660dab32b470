// patience - how long a command waits for the database, in milliseconds.
export const patience = 10_000
