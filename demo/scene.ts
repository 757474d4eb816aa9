// The scene of the demo's picture, a punnet of berries on a table, as text for the Tachyon ray
// tracer. Everything comes from the loops below, so that it is the same on every machine.

/** Camera for the part of the picture between two heights, 0 (bottom) to 1 (top). */
export function cameraText(options: {
  readonly width: number;
  readonly height: number;
  readonly bottom: number;
  readonly top: number;
}): string {
  const { width, height, bottom, top } = options;
  const at = (share: number): string => fixed(0.273 * (2 * share - 1));
  return `BEGIN_SCENE
RESOLUTION ${width} ${height}
SHADER_MODE FULL
AMBIENT_OCCLUSION AMBIENT_COLOR 0.45 0.5 0.6 RESCALE_DIRECT 0.8 SAMPLES 8
END_SHADER_MODE
CAMERA PROJECTION PERSPECTIVE ZOOM 1.0 ASPECTRATIO 1.0 ANTIALIASING 2 RAYDEPTH 6
CENTER 0 5.2 -8.6 VIEWDIR 0 -0.451 0.892 UPDIR 0 0.892 0.451
FRUSTUM -0.364 0.364 ${at(bottom)} ${at(top)}
END_CAMERA
`;
}

/** All that stands in front of the camera; it follows a camera's text. */
export function objectsText(): string {
  return [
    'DIRECTIONAL_LIGHT DIRECTION -0.5 -0.9 0.6 COLOR 0.9 0.86 0.8',
    'BACKGROUND_GRADIENT SKY_SPHERE UPDIR 0 1 0 TOPVAL 1 BOTTOMVAL -0.2',
    'TOPCOLOR 0.35 0.5 0.8 BOTTOMCOLOR 0.85 0.9 0.95',
    texture('table', { color: [0.5, 0.33, 0.19], specular: 0.12, opacity: 1 }),
    texture('slat', { color: [0.86, 0.72, 0.48], specular: 0.02, opacity: 1 }),
    'PLANE CENTER 0 0 0 NORMAL 0 1 0 table',
    ...basket(),
    ...berries(),
    'END_SCENE',
    '',
  ].join('\n');
}

type Point = readonly [number, number, number];

function texture(
  name: string,
  look: { readonly color: Point; readonly specular: number; readonly opacity: number },
): string {
  const { color, specular, opacity } = look;
  return `TEXDEF ${name} AMBIENT 0.05 DIFFUSE 0.7 SPECULAR ${specular} OPACITY ${opacity} PHONG PLASTIC 0.5 PHONG_SIZE 60 COLOR ${text(color)} TEXFUNC 0`;
}

/** Slats around a box, and two rails. */
function basket(): readonly string[] {
  const lines = [
    ...box([-2.35, 0.85, -1.6], [2.4, 1.05, -1.52]),
    ...box([-2.35, 0.85, 1.52], [2.4, 1.05, 1.6]),
    ...box([-2.4, 0, -1.6], [-2.32, 1.05, 1.6]),
    ...box([2.38, 0, -1.6], [2.46, 1.05, 1.6]),
  ];
  for (let slat = 0; slat < 9; slat += 1) {
    const x = -2.3 + 0.52 * slat;
    lines.push(...box([x, 0, -1.55], [x + 0.35, 1.05, -1.47]));
    lines.push(...box([x, 0, 1.47], [x + 0.35, 1.05, 1.55]));
  }
  return lines;
}

/** Twelve triangles: Tachyon's own boxes have odd normals. */
function box(low: Point, high: Point): readonly string[] {
  const corner = (bits: number): string =>
    text([
      (bits & 1) === 0 ? low[0] : high[0],
      (bits & 2) === 0 ? low[1] : high[1],
      (bits & 4) === 0 ? low[2] : high[2],
    ]);
  const faces: readonly (readonly [number, number, number, number])[] = [
    [0, 1, 3, 2],
    [4, 6, 7, 5],
    [0, 4, 5, 1],
    [2, 3, 7, 6],
    [0, 2, 6, 4],
    [1, 5, 7, 3],
  ];
  return faces.flatMap(([a, b, c, d]) => [
    `TRI V0 ${corner(a)} V1 ${corner(b)} V2 ${corner(c)} slat`,
    `TRI V0 ${corner(a)} V1 ${corner(c)} V2 ${corner(d)} slat`,
  ]);
}

/** Raspberries are spheres covered with small spheres; blueberries are one, and a little glassy. */
function berries(): readonly string[] {
  const random = randomNumbers(29);
  const lines: string[] = [];
  for (let berry = 0; berry < 40; berry += 1) {
    const [row, column] = [Math.floor(berry / 8), berry % 8];
    const jitter = (): number => 0.16 * (random() - 0.5);
    const center: Point = [
      -1.95 + 0.56 * column + jitter(),
      0.62 + 0.42 * random(),
      -1.14 + 0.57 * row + jitter(),
    ];
    const name = `berry${berry}`;
    if (random() < 0.75) {
      const color: Point = [0.66 + 0.25 * random(), 0.03 + 0.05 * random(), 0.12 + 0.1 * random()];
      lines.push(texture(name, { color, specular: 0.06, opacity: 1 }), ...raspberry(center, name));
    } else {
      lines.push(texture(name, { color: [0.35, 0.38, 0.75], specular: 0.35, opacity: 0.55 }));
      lines.push(sphere(center, 0.31, name));
    }
  }
  return lines;
}

function raspberry(center: Point, name: string): readonly string[] {
  const radius = 0.33;
  const [x, y, z] = center;
  const lines = [sphere(center, 0.86 * radius, name)];
  for (let drupelet = 0; drupelet < 46; drupelet += 1) {
    // Points of a sunflower spiral lie evenly on a sphere.
    const angle = 2.399963 * drupelet;
    const height = 1 - (2 * (drupelet + 0.5)) / 46;
    const width = Math.sqrt(1 - height * height);
    const out = 0.8 * radius;
    const place: Point = [
      x + out * width * Math.cos(angle),
      y + out * height,
      z + out * width * Math.sin(angle),
    ];
    lines.push(sphere(place, 0.25 * radius, name));
  }
  return lines;
}

function sphere(center: Point, radius: number, name: string): string {
  return `SPHERE CENTER ${text(center)} RAD ${fixed(radius)} ${name}`;
}

/** A linear congruential generator: the same numbers everywhere, 0 to 1. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return ((state >>> 8) & 0xffff) / 0x1_0000;
  };
}

function text(point: Point): string {
  return point.map(fixed).join(' ');
}

function fixed(value: number): string {
  return value.toFixed(4);
}
