// interrupt - SIGINT and SIGTERM as a request that a command can heed, so that it leaves nothing half done.

// Runs `work` with a signal that is aborted by the first SIGINT or SIGTERM; the second one ends the process as usual.
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const abort = (): void => {
    controller.abort()
  }
  process.once('SIGINT', abort)
  process.once('SIGTERM', abort)
  try {
    return await work(controller.signal)
  } finally {
    process.off('SIGINT', abort)
    process.off('SIGTERM', abort)
  }
}
