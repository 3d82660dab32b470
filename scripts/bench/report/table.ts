// table - the results as text: a figure and its ratio to kernel overlayfs for every subject, the reasons for what is
// missing, and the verdict on every target.
import type { ResultRow, Results } from '../results.js'
import type { SubjectId } from '../subjects.js'
import type { Verdict } from '../targets.js'
import { formatFigure, formatRatio, formatSeconds } from './format.js'

const kLabelWidth = 44
const kCellWidth = 20
const kIndent = '  '

export function resultsTable(results: Results, subjects: readonly SubjectId[]): string {
  const base: SubjectId = subjects.includes('overlay') ? 'overlay' : 'plain'
  const lines = [`medians; in parentheses the ratio to ${base} (smaller is better)`]
  lines.push(''.padEnd(kLabelWidth) + subjects.map((id) => id.padStart(kCellWidth)).join(''))
  const reasons = new Reasons()
  let group = ''
  for (const row of results.rows) {
    if (row.group !== group) {
      group = row.group
      lines.push(`-- ${group} --`)
    }
    const cells = subjects.map((id) => cellText(results, row, id, base, reasons).padStart(kCellWidth))
    lines.push(row.label.padEnd(kLabelWidth) + cells.join(''))
  }
  return [...lines, ...reasons.lines()].join('\n')
}

export function verdictTable(verdicts: readonly Verdict[], results: Results): string {
  if (verdicts.length === 0) return 'No target was asked about.'
  const lines = ['Targets']
  for (const verdict of verdicts) lines.push(...verdictLines(verdict, results))
  const count = (outcome: Verdict['outcome']): number => verdicts.filter((verdict) => verdict.outcome === outcome).length
  lines.push(`${count('PASS')} PASS, ${count('FALL SHORT')} FALL SHORT, ${count('n/a')} n/a`)
  return lines.join('\n')
}

function verdictLines(verdict: Verdict, results: Results): string[] {
  const value = verdict.value === undefined ? '-' : inUnit(verdict, verdict.value)
  const name = `${verdict.work} [${verdict.mode.replace('unionfs-', '')}]`
  const known = verdict.details.flatMap((detail) => (detail.value === undefined ? [] : [`${detail.row} ${formatRatio(detail.value)}`]))
  const missing = verdict.details.filter((detail) => detail.value === undefined)
  const share = missing.length === 0 ? '' : ` (${known.length} of ${verdict.details.length} rows)`
  const lines = [`${verdict.outcome.padEnd(10)} ${name.padEnd(72)} ${value.padStart(9)} of ${inUnit(verdict, verdict.limit).padEnd(9)} ${verdict.against}${share}`]
  // One row is its own detail.
  if (verdict.details.length > 1 && verdict.outcome === 'FALL SHORT') lines.push(...wrapped(known))
  // What --only left out needs no mention.
  const failed = missing.map((detail) => detail.row).filter((row) => results.row(row) !== undefined)
  if (failed.length > 0) lines.push(...wrapped(failed, 'not measured: '))
  return lines
}

function cellText(results: Results, row: ResultRow, id: SubjectId, base: SubjectId, reasons: Reasons): string {
  const value = results.median(row.id, id)
  if (value === undefined) return `n/a [${reasons.number(id, row.cells.get(id)?.reason ?? 'not measured')}]`
  const figure = formatFigure(row, value)
  const against = results.median(row.id, base)
  return id === base || against === undefined || against === 0 ? figure : `${figure} (${formatRatio(value / against)})`
}

function inUnit(verdict: Verdict, value: number): string {
  switch (verdict.unit) {
    case 's':
      return formatSeconds(value)
    case 'bytes':
      return `${formatRatio(value)} bytes`
    case 'x':
      return `${formatRatio(value)} x`
  }
}

function wrapped(words: readonly string[], prefix = ''): string[] {
  const lines: string[] = []
  let line = `${kIndent.repeat(6)}${prefix}`
  for (const word of words) {
    if (line.length + word.length > 130) {
      lines.push(line.trimEnd())
      line = kIndent.repeat(6)
    }
    line += `${word}; `
  }
  return [...lines, line.trimEnd()]
}

/** Numbers the reasons for missing figures, so that a cell stays narrow. */
class Reasons {
  private readonly known_ = new Map<string, number>()

  number(subject: SubjectId, reason: string): number {
    const text = `${subject}: ${reason}`
    const number = this.known_.get(text) ?? this.known_.size + 1
    this.known_.set(text, number)
    return number
  }

  lines(): string[] {
    return [...this.known_].map(([text, number]) => `[${number}] ${text}`)
  }
}
