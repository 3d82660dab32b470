// progress - one line on a terminal that says how far a long command is; nothing anywhere else.
import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { printable } from '../words.js'

const redrawEvery = 100
const barWidth = 24

export class Progress {
  #last = 0
  #drawn = false

  constructor(private readonly fd = 2) {}

  get visible(): boolean {
    return isatty(this.fd)
  }

  // `done` and `total` give the bar; without a total there is none.
  show(text: string, done?: number, total?: number): void {
    if (!this.visible || Date.now() - this.#last < redrawEvery) return
    this.#last = Date.now()
    this.#drawn = true
    const bar = done === undefined || total === undefined || total === 0 ? '' : `${drawBar(done / total)} `
    writeSync(this.fd, `\r\u001b[K${bar}${printable(text)}`)
  }

  clear(): void {
    if (this.#drawn) writeSync(this.fd, '\r\u001b[K')
    this.#drawn = false
  }
}

export function drawBar(share: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * barWidth)
  return `[${'='.repeat(filled)}${' '.repeat(barWidth - filled)}] ${String(Math.floor(Math.min(1, share) * 100)).padStart(3)} %`
}
