// mapping - "[:]ONDISK:PRESENTED:LEN[:...]", the owners in the layers and the owners shown.
import { UnionfsError } from '../errors.js'

export interface IdRange {
  readonly onDisk: number
  readonly presented: number
  readonly count: number
}

const largestId = 0xffff_ffff

export function parseMapping(option: string, value: string): IdRange[] {
  // Callers that join triples put a colon before each of them.
  const fields = value.replace(/^:/, '').split(':')
  const numbers = fields.map((field) => (/^\d{1,10}$/.test(field) ? Number(field) : Number.NaN))
  if (numbers.length % 3 !== 0 || numbers.some((number) => !(number <= largestId))) throw invalid(option, value)
  const ranges: IdRange[] = []
  for (let i = 0; i < numbers.length; i += 3) {
    const [onDisk = 0, presented = 0, count = 0] = numbers.slice(i, i + 3)
    if (onDisk + count > largestId + 1 || presented + count > largestId + 1) throw invalid(option, value)
    ranges.push({ onDisk, presented, count })
  }
  return ranges
}

function invalid(option: string, value: string): UnionfsError {
  return new UnionfsError('INVALID', `invalid mapping specified: ${option}=${value}`, { remedy: 'write triples of numbers: ONDISK:PRESENTED:LEN[:ONDISK:PRESENTED:LEN...]' })
}
