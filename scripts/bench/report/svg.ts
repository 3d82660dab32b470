// svg - the ratios as a picture: a line for every row, a dot for every subject, kernel overlayfs (or plain) at 1.
import type { ResultRow, Results } from '../results.js'
import { subjectOf, type SubjectId } from '../subjects.js'
import { formatRatio } from './format.js'

const kLabelWidth = 330
const kPlotWidth = 620
const kRowHeight = 16
const kTop = 64
const kMargin = 20
const kDotRadius = 4
const kTicks = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200]

interface Line {
  readonly row: ResultRow
  readonly ratios: readonly { readonly id: SubjectId; readonly ratio: number }[]
}

export function ratiosSvg(results: Results, subjects: readonly SubjectId[]): string {
  const base: SubjectId = subjects.includes('overlay') ? 'overlay' : 'plain'
  const lines = results.rows.map((row) => ({ row, ratios: ratiosOf(results, row, subjects, base) })).filter((line) => line.ratios.length > 0)
  const all = lines.flatMap((line) => line.ratios.map(({ ratio }) => ratio))
  const scale = logScale(Math.min(0.5, ...all), Math.max(2, ...all))
  const groups = new Set(lines.map((line) => line.row.group)).size
  const height = kTop + (lines.length + groups) * kRowHeight + kMargin
  const width = kLabelWidth + kPlotWidth + 2 * kMargin
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    `<text x="${kMargin}" y="20" font-size="14">Time against ${base} (left is better; logarithmic)</text>`,
    legend(subjects.filter((id) => id !== base)),
    axis(scale, height),
    body(lines, scale),
    '</svg>',
    '',
  ].join('\n')
}

function ratiosOf(results: Results, row: ResultRow, subjects: readonly SubjectId[], base: SubjectId): Line['ratios'] {
  const one = results.median(row.id, base)
  if (one === undefined || one <= 0) return []
  return subjects.flatMap((id) => {
    const value = id === base ? undefined : results.median(row.id, id)
    return value === undefined || value <= 0 ? [] : [{ id, ratio: value / one }]
  })
}

function logScale(low: number, high: number): (ratio: number) => number {
  const from = Math.log(low * 0.9)
  const span = Math.log(high * 1.1) - from
  return (ratio) => kMargin + kLabelWidth + ((Math.log(ratio) - from) / span) * kPlotWidth
}

function legend(subjects: readonly SubjectId[]): string {
  return subjects
    .map((id, index) => {
      const x = kMargin + index * 150
      return `<circle cx="${x + 5}" cy="36" r="${kDotRadius}" fill="${subjectOf(id).colour}"/><text x="${x + 14}" y="40">${id}</text>`
    })
    .join('\n')
}

function axis(scale: (ratio: number) => number, height: number): string {
  const left = kMargin + kLabelWidth
  return kTicks
    .map((tick) => ({ tick, x: scale(tick) }))
    .filter(({ x }) => x >= left && x <= left + kPlotWidth)
    .map(({ tick, x }) => {
      const line = `<line x1="${x.toFixed(1)}" y1="${kTop}" x2="${x.toFixed(1)}" y2="${height - kMargin}" stroke="${tick === 1 ? 'black' : '#dddddd'}"/>`
      return `${line}<text x="${x.toFixed(1)}" y="${kTop - 6}" text-anchor="middle">${tick}</text>`
    })
    .join('\n')
}

function body(lines: readonly Line[], scale: (ratio: number) => number): string {
  const drawn: string[] = []
  let group = ''
  let y = kTop
  for (const { row, ratios } of lines) {
    if (row.group !== group) {
      group = row.group
      y += kRowHeight
      drawn.push(`<text x="${kMargin}" y="${y}" font-weight="bold">${group}</text>`)
    }
    y += kRowHeight
    drawn.push(`<text x="${kMargin + 8}" y="${y}">${escaped(row.label)}</text>`)
    for (const { id, ratio } of ratios) {
      const title = `<title>${escaped(`${row.label}, ${id}: ${formatRatio(ratio)}`)}</title>`
      drawn.push(`<circle cx="${scale(ratio).toFixed(1)}" cy="${y - 4}" r="${kDotRadius}" fill="${subjectOf(id).colour}" fill-opacity="0.85">${title}</circle>`)
    }
  }
  return drawn.join('\n')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
