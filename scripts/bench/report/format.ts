// format - figures as people read them: three digits and a unit.
import type { ResultRow } from '../results.js'

const kTimeUnits = [
  [1, 's'],
  [1e-3, 'ms'],
  [1e-6, 'us'],
  [1e-9, 'ns'],
] as const
const kMebibyte = 1024 * 1024

/** A row's figure for one of the things it counts. */
export function formatFigure(row: ResultRow, value: number): string {
  switch (row.unit) {
    case 'time':
      return formatSeconds(value / row.per)
    case 'bytes':
      return `${threeDigits(value / kMebibyte)} MiB`
    case 'factor':
      return threeDigits(value)
  }
}

export function formatSeconds(seconds: number): string {
  const [scale, unit] = kTimeUnits.find(([size]) => seconds >= size) ?? kTimeUnits[3]
  return `${threeDigits(seconds / scale)} ${unit}`
}

export function formatRatio(ratio: number): string {
  return ratio < 10 ? ratio.toFixed(2) : ratio.toFixed(ratio < 100 ? 1 : 0)
}

function threeDigits(value: number): string {
  const before = Math.max(1, Math.floor(Math.log10(Math.max(value, 1))) + 1)
  return value.toFixed(Math.max(0, 3 - before))
}
