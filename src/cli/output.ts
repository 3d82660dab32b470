// output - where the words of a command go: stdout and stderr, or, in a daemon that is starting, the starter's pipe.
import { closeSync, writeSync } from 'node:fs'
import { describeProblem, errnoOf, explainUnforeseen, ValidationError } from '../errors.js'
import { printable, printableLines } from '../words.js'

export interface Output {
  out(text: string): void
  err(text: string): void
  // Ends the conversation with this exit code; what is written later is dropped. For stdio nothing happens.
  finish(exitCode: number): void
}

export class StdioOutput implements Output {
  out(text: string): void {
    writeAll(1, `${printableLines(text)}\n`)
  }

  err(text: string): void {
    writeAll(2, `${printableLines(text)}\n`)
  }

  finish(): void {
    // The exit code is the process' own.
  }
}

// Collects until finish(), then sends "EXITCODE\nTEXT" and closes (native/launch/starter_pipe.h).
export class StarterOutput implements Output {
  #text = ''
  #open = true

  constructor(private readonly fd: number) {}

  out(text: string): void {
    this.err(text)
  }

  err(text: string): void {
    this.#text += `${printableLines(text)}\n`
  }

  finish(exitCode: number): void {
    if (!this.#open) return
    this.#open = false
    writeAll(this.fd, `${exitCode}\n${this.#text}`)
    closeSync(this.fd)
  }
}

// A reader that has gone (`unionfs status | head -1`) is no failure of ours.
function writeAll(fd: number, text: string): void {
  let rest = Buffer.from(text)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'EAGAIN') continue // a terminal or pipe that another program made non-blocking
      if (errno === 'EPIPE' || errno === 'EBADF' || errno === 'EIO') return
      throw error
    }
  }
}

// "unionfs: what happened; what to do", or all problems in a list.
export function formatError(error: unknown): string {
  if (error instanceof ValidationError) {
    if (error.problems.length === 1 && error.problems[0] !== undefined) return printable(`unionfs: ${describeProblem(error.problems[0])}`)
    return [`unionfs: cannot mount, for ${error.problems.length} reasons:`, ...error.problems.map((problem) => printable(`  - ${describeProblem(problem)}`))].join('\n')
  }
  const { message, remedy } = explainUnforeseen(error)
  return printable(`unionfs: ${message}${remedy === undefined ? '' : `; ${remedy}`}`)
}

// Columns padded to their widest cell; those in `right` are aligned to the right.
export function formatTable(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const cells = rows.map((row) => row.map(printable))
  const widths: number[] = []
  for (const row of cells) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)))
  return cells.map((row) =>
    row
      .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

// "1 file", "2 files", "0 directories"
export function formatCount(count: number, noun: string): string {
  const plural = noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`
  return `${count} ${count === 1 ? noun : plural}`
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`
}

export function formatDuration(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  return first < 0 ? '0 s' : parts.slice(first, first + 2).map(([count, unit]) => `${count} ${unit}`).join(' ')
}

// 3.2 us, 41 us, 1.3 ms, 2.5 s: two or three digits that matter.
export function formatMicroseconds(us: number): string {
  if (us < 10) return `${us.toFixed(1)} us`
  if (us < 1000) return `${Math.round(us)} us`
  if (us < 1_000_000) return `${us < 10_000 ? (us / 1000).toFixed(1) : Math.round(us / 1000)} ms`
  return `${(us / 1_000_000).toFixed(1)} s`
}
