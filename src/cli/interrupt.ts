// interrupt - SIGINT, SIGTERM and SIGHUP as a request that a command can heed, so that it leaves nothing half done.

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

// Runs `work` with a signal that is aborted by the first of them; the second one ends the process as usual.
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const abort = (): void => {
    controller.abort()
  }
  for (const name of signals) process.once(name, abort)
  try {
    return await work(controller.signal)
  } finally {
    for (const name of signals) process.off(name, abort)
  }
}
