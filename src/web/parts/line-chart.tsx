import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';

const MOMENT = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});
const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const HEIGHT = 190;

/** The colours of lines, as `page.css` names them: light or dark as the page is. */
export const LINE_COLORS = ['--accent', '--good', '--warn', '--bad', '--soft'] as const;

export interface LineChartProps {
  /** What is drawn, for who does not see it; the page says it in words, too. */
  readonly label: string;
  /** Milliseconds since 1970. */
  readonly times: readonly number[];
  /** One line each, with a value or null for each time. */
  readonly lines: readonly (readonly (number | null)[])[];
  /** What the values are written with: ` %`. */
  readonly unit?: string;
  /** The top of the scale; by default what the values need. */
  readonly max?: number;
}

/** Lines over time, from zero up. */
export function LineChart(props: LineChartProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const { times, lines } = props;
    const data = [times.map((time) => time / 1000), ...lines] as unknown as UPlot.AlignedData;
    const chart = new UPlot(optionsFor(element, props), data, element);
    const resized = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      chart.destroy();
    };
  }, [JSON.stringify(props)]);
  return <div ref={place} class="curve" role="img" aria-label={props.label} />;
}

function optionsFor(element: HTMLElement, { lines, unit = '', max }: LineChartProps): UPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name);
  const axis = {
    ...{ stroke: color('--soft'), ticks: { show: false } },
    grid: { stroke: color('--line'), width: 1 },
  };
  return {
    ...{ width: element.clientWidth, height: HEIGHT, cursor: { show: false }, legend: { show: false } },
    scales: { y: { range: (_, __, highest) => [0, max ?? Math.max(1, highest * 1.05)] } },
    axes: [
      { ...axis, space: 90, values: (_, times) => times.map(dayOf) },
      { ...axis, values: (_, ticks) => ticks.map((tick) => `${tick.toLocaleString()}${unit}`), size: 64 },
    ],
    series: [
      {},
      ...lines.map((_, i) => {
        const stroke = color(LINE_COLORS[i % LINE_COLORS.length] ?? '');
        const fill = `color-mix(in srgb, ${stroke} 14%, transparent)`;
        return { stroke, width: 2.5, ...(i === 0 && { fill }) };
      }),
    ],
  };
}

/** Without the time of day where it is midnight. @param time seconds since 1970 */
function dayOf(time: number): string {
  const date = new Date(time * 1000);
  return (date.getHours() === 0 ? DAY : MOMENT).format(date);
}
