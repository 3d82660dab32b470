// results - every sample of a run, and the few statistics that are shown of them.
import type { Group, Question, Row, Unit } from './question.js'
import type { Sizes } from './sizes.js'
import type { SubjectId } from './subjects.js'

export interface Cell {
  readonly samples: number[]
  /** Why there is no figure; of no meaning once there is a sample. */
  reason: string | undefined
}

export interface ResultRow {
  /** `question.row` */
  readonly id: string
  readonly question: string
  readonly group: Group
  readonly label: string
  readonly unit: Unit
  readonly per: number
  readonly cells: ReadonlyMap<SubjectId, Cell>
}

export class Results {
  private readonly rows_ = new Map<string, ResultRow>()

  constructor(questions: readonly Question[], sizes: Sizes, subjects: readonly SubjectId[]) {
    for (const question of questions) {
      for (const row of question.rows(sizes)) this.rows_.set(`${question.id}.${row.id}`, emptyRow(question, row, subjects))
    }
  }

  get rows(): readonly ResultRow[] {
    return [...this.rows_.values()]
  }

  row(id: string): ResultRow | undefined {
    return this.rows_.get(id)
  }

  cell(question: string, row: string, subject: SubjectId): Cell {
    const found = this.rows_.get(`${question}.${row}`)?.cells.get(subject)
    if (found === undefined) throw new Error(`question ${question} did not announce a row ${row}`)
    return found
  }

  /** Seconds (or bytes, or a factor) of the whole work, undefined where there is no sample. */
  median(row: string, subject: SubjectId): number | undefined {
    const cell = this.rows_.get(row)?.cells.get(subject)
    return cell === undefined || cell.samples.length === 0 ? undefined : median(cell.samples)
  }
}

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.floor((sorted.length - 1) / 2)]
  if (upper === undefined || lower === undefined) throw new Error('the median of nothing')
  return (upper + lower) / 2
}

export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new Error('the mean of nothing')
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}

function emptyRow(question: Question, row: Row, subjects: readonly SubjectId[]): ResultRow {
  return {
    id: `${question.id}.${row.id}`,
    question: question.id,
    group: question.group,
    label: row.label,
    unit: row.unit,
    per: row.per ?? 1,
    cells: new Map(subjects.map((id) => [id, { samples: [], reason: undefined }])),
  }
}
