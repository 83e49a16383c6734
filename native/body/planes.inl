// Panels of convolutions, filled from pixels that were transposed once: what sparse products and dense ones of few outputs
// multiply by. No im2col matrix.

// Images as the positions of a product's output see them: the tap (kh, kw) of position (row, column) reads the pixel
// (row * step + kh - lead_row, column * step + kw - lead_column). A place outside of the image is zero. An input gradient
// counts taps from the last.
struct Images {
  const float* pixels;
  int batch, height, width, channels;
  int rows, columns, kernel_height, kernel_width, step, lead_row, lead_column;
  bool backwards;
  int positions() const { return batch * rows * columns; }
  int inputs() const { return kernel_height * kernel_width * channels; }
};

// Where a product's rows go: position (row, column) of an image is every step-th pixel of it, from a first one on.
struct Places {
  float* first;
  int height, width, channels, rows, columns, step;
  void at(float** out, int position, int count) const {
    Position p = position_of(position, rows, columns);
    for (int j = 0; j < count; j++, advance(p, rows, columns))
      out[j] = first + (((size_t)p.image * height + p.row * step) * width + p.column * step) * channels;
  }
};

// All pixels that a range of positions reads, a plane for each channel. Transposed once here, each tap's rows of a panel
// are shifted copies of them. In a plane, columns whose kw differs by a multiple of the step are neighbors, and so are
// lines: [row][line phase][column phase][column], so that a position's neighbor is the next float for every step.
struct Planes {
  const Images& images;
  int line_phases, column_phases, phase, pitch;  // floats between phases of columns, and between rows
  int rows;                                      // of an image, with those beyond the last position's
  Position first;
  float* plane;
  size_t size;  // floats between planes

  explicit Planes(const Images& i)
      : images(i), line_phases(min_of(i.step, i.kernel_height)), column_phases(min_of(i.step, i.kernel_width)),
        phase(i.columns + (i.kernel_width - 1) / i.step), pitch(line_phases * column_phases * phase),
        rows(i.rows + (i.kernel_height - 1) / i.step) {}

  int row_of(const Position& p) const { return (p.image - first.image) * rows + p.row - first.row; }
  int slot_of(const Position& p) const { return row_of(p) * pitch + p.column; }
  int tap_slot(int kh, int kw) const {
    if (images.backwards) kh = images.kernel_height - 1 - kh, kw = images.kernel_width - 1 - kw;
    if (images.step == 1) return kh * pitch + kw;
    return kh / images.step * pitch + (kh % images.step * column_phases + kw % images.step) * phase + kw / images.step;
  }

  // Strips of `columns` positions in a band, so that its planes are about a third of a MiB and cut few images.
  int band(int columns) const {
    const int image = images.rows * images.columns, budget = 88 * 1024 / images.channels;
    int most = max_of(1, (budget / pitch - (rows - images.rows)) * images.columns / columns);
    const int strips = image / columns;
    if (strips > most) most = ceil_div(strips, ceil_div(strips, most));
    else if (strips > 0 && image % columns == 0) most -= most % strips;
    return most;
  }

  // Of one channel nothing is transposed.
  void copy_lines(int lines) {
    // an input gradient may have more padding than taps, and so begin within a line
    const int left = max_of(0, min_of(images.lead_column, phase)), from = max_of(0, -images.lead_column);
    const int inside = max_of(0, min_of(images.width - from, phase - left));
    for (int i = 0; i < lines; i++) {
      const int line = first.row + i, h = line % rows - images.lead_row;
      const bool outside = (unsigned)h >= (unsigned)images.height;
      const float* row = images.pixels + ((ptrdiff_t)(first.image + line / rows) * images.height + h) * images.width;
      float* to = plane + (size_t)i * phase;
      for (int j = 0; j < left; j++) to[j] = 0;
      if (outside) __builtin_memset(to + left, 0, sizeof(float) * inside);
      else __builtin_memcpy(to + left, row + from, sizeof(float) * inside);
      for (int j = left + inside; j < phase; j++) to[j] = 0;
    }
  }

  __attribute__((noinline)) void transpose(int begin, int count) {
    first = position_of(begin, images.rows, images.columns);
    const int lines = row_of(position_of(begin + count - 1, images.rows, images.columns)) + 1 + rows - images.rows;
    const int slots = lines * pitch;
    // room for a load that begins at the last slot; an odd number of vectors, or planes would share cache sets
    size = (size_t)(ceil_div(slots + LANES, 16) | 1) * 16;
    // images_by_shifts reads a strip beyond the last
    plane = scratch<float>(SCRATCH_ROWS, size * images.channels + 4 * LANES);
    if (images.channels == 1 && images.step == 1) return copy_lines(lines);
    // beyond them LANES more, to be asked for ahead of time
    const int whole = ceil_div(slots, LANES) * LANES;
    const float** at = scratch<const float*>(SCRATCH_POINTERS, (size_t)whole + LANES);
    int slot = 0;
    for (int line = first.row; line < first.row + lines; line++)
      for (int i = 0; i < line_phases; i++) {
        const int h = line % rows * images.step + i - images.lead_row;
        const bool outside = (unsigned)h >= (unsigned)images.height;
        const float* row = images.pixels + ((ptrdiff_t)(first.image + line / rows) * images.height + h) * images.width * images.channels;
        for (int j = 0; j < column_phases; j++)
          for (int column = 0; column < phase; column++) {
            const int w = column * images.step + j - images.lead_column;
            at[slot++] = outside || (unsigned)w >= (unsigned)images.width ? zeros : row + (size_t)w * images.channels;
          }
      }
    while (slot < whole + LANES) at[slot++] = zeros;
    for (slot = 0; slot < whole; slot += LANES) {
      const float* from[LANES];
      int c = 0;
      for (; c + LANES <= images.channels; c += LANES) {
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) {
          from[i] = at[slot + i] == zeros ? zeros : at[slot + i] + c;
          __builtin_prefetch(at[slot + LANES + i] + c);
        }
        transpose_block(plane + c * size + slot, size, from);
      }
      for (; c < images.channels; c++)
        for (int i = 0; i < LANES; i++) plane[c * size + slot + i] = at[slot + i] == zeros ? 0 : at[slot + i][c];
    }
  }
};

// What a strip copies for each row of its panel: `width` floats from slot `from` of a plane to column `to`. Where lines
// are no multiple of it, the part of a copy beyond its line is garbage that the next one overwrites, in the last column
// too: rows come in order.
struct Pieces {
  int width, count = 0;
  int from[64], to[64];
  Pieces(const Planes& planes, int column, int columns, int panel_columns) {
    const Images& images = planes.images;
    width = LANES;
    if (LANES > 8 && images.columns == LANES / 4) width = LANES / 4;
    if (LANES > 4 && (LANES > 8 ? images.columns % LANES : images.columns) == LANES / 2) width = LANES / 2;
    Position p = position_of(column, images.rows, images.columns);
    for (int j = 0; j < columns;) {
      from[count] = planes.slot_of(p);
      to[count++] = j;
      const int length = min_of(width, images.columns - p.column);
      j += length;
      p.column += length - 1;
      advance(p, images.rows, images.columns);
    }
    // columns beyond the last position hold anything
    if (images.columns % width == 0)
      for (; count < panel_columns / width; count++) from[count] = 0, to[count] = count * width;
    else width = 0;
  }
};

template <int COLUMNS, int WIDTH>
static inline float* copy_pieces(float* panel, const float* plane, size_t size, int run, const Pieces& pieces) {
  constexpr int COUNT = COLUMNS / WIDTH;
  // copies in registers: to a compiler what is stored may change `pieces`
  const float* from[COUNT];
#pragma GCC unroll 16
  for (int j = 0; j < COUNT; j++) from[j] = plane + pieces.from[j];
  for (size_t i = 0; i < run * size; i += size, panel += COLUMNS)
#pragma GCC unroll 16
    for (int j = 0; j < COUNT; j++) __builtin_memcpy(panel + j * WIDTH, from[j] + i, sizeof(float) * WIDTH);
  return panel;
}

// panel[k][j]: k runs over taps x channels of positions column + j
template <int FIXED>
static __attribute__((noinline)) void fill_from_planes(float* panel, int panel_columns, const Planes& planes, int k, int length, int column, int columns) {
  const Pieces pieces(planes, column, columns, panel_columns);
  const int channels = planes.images.channels;
  const size_t size = planes.size;
  // counted on: of an image of one channel the divisions took more time than the copies
  const int tap = k / channels;
  int kh = tap / planes.images.kernel_width, kw = tap % planes.images.kernel_width, channel = k % channels;
  for (const int end = k + length; k < end; channel = 0) {
    const int run = min_of(end - k, channels - channel);
    const float* plane = planes.plane + channel * size + planes.tap_slot(kh, kw);
    k += run;
    if (++kw == planes.images.kernel_width) kw = 0, kh++;
    if constexpr (FIXED) {
      if (pieces.width == LANES) { panel = copy_pieces<FIXED, LANES>(panel, plane, size, run, pieces); continue; }
      if (pieces.width == LANES / 2) { panel = copy_pieces<FIXED, LANES / 2>(panel, plane, size, run, pieces); continue; }
      if (LANES > 8 && pieces.width == LANES / 4) { panel = copy_pieces<FIXED, LANES / 4>(panel, plane, size, run, pieces); continue; }
    }
    for (int i = 0; i < run; i++, panel += panel_columns, plane += size)
      for (int j = 0; j < pieces.count; j++) store(panel + pieces.to[j], load(plane + pieces.from[j]));
  }
}
