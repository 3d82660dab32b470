// steps - runs named steps one after another, prints each with its time, and keeps the table for the end.
export interface StepRecord {
  readonly name: string
  readonly seconds: number
  readonly ok: boolean
}

export class StepRunner {
  private readonly records_: StepRecord[] = []

  get records(): readonly StepRecord[] {
    return this.records_
  }

  /** Runs one step; its error is reported here and thrown on, so that nothing after a failed step runs. */
  step<T>(name: string, body: () => T): T {
    const started = performance.now()
    try {
      const result = body()
      this.record(name, started, true)
      return result
    } catch (error) {
      this.record(name, started, false)
      throw error
    }
  }

  table(): string {
    const width = Math.max(...this.records_.map((record) => record.name.length), 5)
    const total = this.records_.reduce((sum, record) => sum + record.seconds, 0)
    const rows = this.records_.map(
      (record) => `  ${record.name.padEnd(width)}  ${record.seconds.toFixed(2).padStart(8)} s${record.ok ? '' : '  FAILED'}`,
    )
    return [...rows, `  ${'total'.padEnd(width)}  ${total.toFixed(2).padStart(8)} s`].join('\n')
  }

  private record(name: string, started: number, ok: boolean): void {
    const seconds = (performance.now() - started) / 1000
    this.records_.push({ name, seconds, ok })
    process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${seconds.toFixed(2).padStart(8)} s  ${name}\n`)
  }
}
