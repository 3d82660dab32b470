// daemon - the life of a serving process: signals, the clean end, and no end while the mount lives.
import { errnoOf, messageOf } from '../errors.js'
import type { Logger } from '../log/logger.js'
import type { LiveMount } from './mount.js'

// How long a lazily unmounted tree is still served to those who have files open in it, after a signal asked us to go.
const graceMilliseconds = 10_000
const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

// Catches the signals from the moment it is made: one that comes while the mount is being set up must not end the
// process between mount(2) and here, which would leave a dead mount.
export class SignalGate {
  #received: NodeJS.Signals[] = []
  #onSignal: (signal: NodeJS.Signals) => void = (signal) => this.#received.push(signal)

  constructor() {
    for (const signal of stopSignals) process.on(signal, () => this.#onSignal(signal))
  }

  // Signals that came before are delivered at once.
  listen(onSignal: (signal: NodeJS.Signals) => void): void {
    this.#onSignal = onSignal
    for (const signal of this.#received.splice(0)) onSignal(signal)
  }
}

// Resolves with the reason when the mount has ended; rejects never.
export async function serveUntilEnd(mount: LiveMount, gate: SignalGate, logger: Logger): Promise<string> {
  const stopped = new Promise<string>((resolve) => {
    let asked = false
    gate.listen((signal) => {
      if (asked) {
        resolve(`second ${signal}`)
        return
      }
      asked = true
      logger.log('info', 'signal', { signal })
      void leave(mount, logger).then(() => {
        setTimeout(() => {
          resolve(`${signal}, and still in use after ${graceMilliseconds / 1000} s`)
        }, graceMilliseconds).unref()
      })
    })
  })
  // Nothing else may hold the event loop in the moment between the native end and the last log line.
  const alive = setInterval(() => undefined, 1 << 30)
  const reason = await Promise.race([mount.ended, stopped])
  clearInterval(alive)
  logger.flush()
  return reason
}

// Plainly, or lazily when the tree is in use.
async function leave(mount: LiveMount, logger: Logger): Promise<void> {
  try {
    await mount.native.unmount(false)
    return
  } catch (error) {
    const busy = errnoOf(error) === 'EBUSY'
    logger.log(busy ? 'info' : 'warn', 'still in use: unmounting lazily', { reason: messageOf(error) })
  }
  try {
    await mount.native.unmount(true)
  } catch (error) {
    logger.log('error', 'cannot unmount', { reason: messageOf(error) })
  }
}
