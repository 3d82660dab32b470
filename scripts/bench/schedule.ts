// schedule - asks every question of every subject, interleaved, round by round, as often as the time allows.
//
// A question gets the share of the remaining time that its weight says. Each subject is measured once in any case; a
// further measurement is made only when the last one of that subject suggests that it fits. The order of the subjects
// rotates from round to round, so that none of them always follows the same neighbour.
import { join } from 'node:path'
import { StepError, Unavailable } from './command.js'
import { Materials } from './materials.js'
import type { Options } from './options.js'
import type { Progress } from './progress.js'
import type { Question } from './question.js'
import type { Results } from './results.js'
import { Run } from './run.js'
import type { Sizes } from './sizes.js'
import { subjectOf, type Subject } from './subjects.js'

const kMinStepSeconds = 15
const kMaxStepSeconds = 120
const kStepShare = 0.75
// What has begun when the time is up may still end; steps after that are refused quickly.
const kOvertimeMs = 20_000
const kShortestStepMs = 1000

export class Schedule {
  private readonly options_: Options
  private readonly sizes_: Sizes
  private readonly results_: Results
  private readonly progress_: Progress
  private readonly materials_: Materials
  private readonly deadline_: number
  private runs_ = 0

  constructor(options: Options, sizes: Sizes, results: Results, progress: Progress) {
    this.options_ = options
    this.sizes_ = sizes
    this.results_ = results
    this.progress_ = progress
    this.materials_ = new Materials(join(options.scratch, 'layers'))
    this.deadline_ = Date.now() + options.budgetSeconds * 1000
  }

  /** `answered` is called after each question: what is known by then can be kept. */
  askAll(questions: readonly Question[], answered: () => void): void {
    questions.forEach((question, index) => {
      const left = questions.slice(index).reduce((sum, other) => sum + other.weight, 0)
      const share = ((this.deadline_ - Date.now()) * question.weight) / left
      this.progress_.question(index + 1, questions.length, question)
      this.ask(question, share)
      this.materials_.endQuestion()
      this.progress_.answered(question)
      answered()
    })
  }

  private ask(question: Question, shareMs: number): void {
    const asked = this.options_.subjects.map(subjectOf).filter((subject) => this.canBeAsked(question, subject))
    if (asked.length === 0) return
    if (shareMs <= 0) {
      this.refuse(question, asked, 'the time was used up by earlier questions')
      return
    }
    const started = Date.now()
    const measure = this.prepared(question, asked)
    if (measure === undefined) return
    const rounds = Math.min(this.options_.rounds, question.maxRounds ?? this.options_.rounds)
    const stepLimitMs = 1000 * Math.min(kMaxStepSeconds, Math.max(kMinStepSeconds, (shareMs / 1000) * kStepShare))
    const lastMs = new Map<Subject, number>()
    const failed = new Set<Subject>()
    for (let round = 0; round < rounds; ++round) {
      for (const subject of rotated(asked, round)) {
        if (failed.has(subject) || (round > 0 && Date.now() - started + (lastMs.get(subject) ?? 0) > shareMs)) continue
        if (Date.now() > this.deadline_) {
          this.refuse(question, [subject], 'the time was used up')
          continue
        }
        this.progress_.run(round + 1, rounds, subject)
        const begun = Date.now()
        if (!this.measureOnce(question, subject, measure, stepLimitMs)) failed.add(subject)
        lastMs.set(subject, Date.now() - begun)
      }
    }
  }

  /** False when the subject failed as a whole, which it would do again in the next round. */
  private measureOnce(question: Question, subject: Subject, measure: (run: Run) => void, stepLimitMs: number): boolean {
    const recorder = {
      sample: (row: string, value: number) => void this.results_.cell(question.id, row, subject.id).samples.push(value),
      notAvailable: (row: string, reason: string) => {
        this.results_.cell(question.id, row, subject.id).reason ??= reason
      },
    }
    const scratch = join(this.options_.scratch, `run-${++this.runs_}`)
    const untilDeadline = (): number => this.deadline_ + kOvertimeMs - Date.now()
    const limit = (): number => Math.max(kShortestStepMs, Math.min(stepLimitMs, untilDeadline()))
    const run = new Run({ subject, scratch, cold: this.options_.cold, stepLimitMs: limit, recorder })
    let good = true
    try {
      measure(run)
    } catch (error) {
      if (!(error instanceof StepError)) throw error
      good = false
      this.refuse(question, [subject], error.message)
    } finally {
      good = this.closed(run, question, subject) && good
    }
    return good
  }

  private closed(run: Run, question: Question, subject: Subject): boolean {
    try {
      run.close()
      return true
    } catch (error) {
      if (!(error instanceof StepError)) throw error
      this.progress_.warning(`${question.id}, ${subject.id}: ${error.message}`)
      return false
    }
  }

  private canBeAsked(question: Question, subject: Subject): boolean {
    const reason = subject.missing() ?? question.notFor?.(subject)
    if (reason !== undefined) this.refuse(question, [subject], reason)
    return reason === undefined
  }

  private prepared(question: Question, asked: readonly Subject[]): ((run: Run) => void) | undefined {
    this.progress_.preparing()
    try {
      return question.prepare({ sizes: this.sizes_, materials: this.materials_ })
    } catch (error) {
      if (!(error instanceof Unavailable || error instanceof StepError)) throw error
      this.refuse(question, asked, error.message)
      return undefined
    }
  }

  private refuse(question: Question, refused: readonly Subject[], reason: string): void {
    for (const row of question.rows(this.sizes_)) {
      for (const subject of refused) this.results_.cell(question.id, row.id, subject.id).reason ??= reason
    }
  }
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const at = by % items.length
  return [...items.slice(at), ...items.slice(0, at)]
}
