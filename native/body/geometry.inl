// A convolution's geometry, and the rows of its im2col matrix as pointers into the image: no im2col matrix in memory.
// A row is one output position; its K entries are kernelHeight*kernelWidth runs of `channels` neighbouring floats.
struct Geometry {
  int batch, height, width, channels, kernel_height, kernel_width, stride, padding, out_height, out_width, out;
  explicit Geometry(const int32_t* g)
      : batch(g[0]), height(g[1]), width(g[2]), channels(g[3]), kernel_height(g[4]), kernel_width(g[5]), stride(g[6]),
        padding(g[7]), out_height(g[8]), out_width(g[9]), out(g[10]) {}
  int taps() const { return kernel_height * kernel_width; }
  int positions() const { return batch * out_height * out_width; }
  int inputs() const { return taps() * channels; }
  // Rows of X are then the rows of the GEMM operand as they stand.
  bool is_matrix() const { return taps() == 1 && stride == 1 && padding == 0; }
};

// Where a run lies outside of the image it reads from here.
constexpr int ZEROS = 1024;
alignas(64) static const float zeros[ZEROS] = {};

struct Position { int image, row, column; };
static inline Position position_of(int index, int rows, int columns) {
  return {index / (rows * columns), index / columns % rows, index % columns};
}

// The position behind p: three divisions a position cost more than copying its row.
static inline void advance(Position& p, int rows, int columns) {
  if (++p.column < columns) return;
  p.column = 0;
  if (++p.row < rows) return;
  p.row = 0;
  p.image++;
}

// Pointer to the run of output position p at kernel tap (kh, kw) of image x; the zeros when it is padding.
static inline const float* run_at(const Geometry& g, const float* x, Position p, int kh, int kw) {
  const int h = p.row * g.stride + kh - g.padding, w = p.column * g.stride + kw - g.padding;
  if ((unsigned)h >= (unsigned)g.height || (unsigned)w >= (unsigned)g.width) return zeros;
  return x + (((size_t)p.image * g.height + h) * g.width + w) * g.channels;
}

// dst[k]: the im2col row of position p, entries from..to-1 of its K, copied. Runs of one kernel row are neighbours in
// the image, so they are copied together: with 3 channels a run alone would be 12 bytes.
static void copy_row(float* dst, const Geometry& g, const float* x, const Position& p, int from, int to) {
  const int line = g.kernel_width * g.channels;
  const int left = p.column * g.stride - g.padding;
  for (int kh = from / line; kh * line < to; kh++) {
    const int begin = max_of(from, kh * line), end = min_of(to, (kh + 1) * line);
    const int h = p.row * g.stride + kh - g.padding;
    const bool inside_row = (unsigned)h < (unsigned)g.height;
    // entries [valid_begin, valid_end) of the kernel row lie inside of the image
    const int valid_begin = inside_row ? min_of(line, max_of(0, -left) * g.channels) : line;
    const int valid_end = inside_row ? min_of(line, max_of(0, g.width - left) * g.channels) : line;
    const float* source = x + (((ptrdiff_t)p.image * g.height + h) * g.width + left) * g.channels - (ptrdiff_t)kh * line;
    int k = begin;
    for (; k < min_of(end, kh * line + valid_begin); k++) *dst++ = 0;
    for (const int stop = min_of(end, kh * line + valid_end); k < stop; k++) *dst++ = source[k];
    for (; k < end; k++) *dst++ = 0;
  }
}

// dst[i] = source[i * step], rows of `width` floats, COLUMNS apart; null: zeros
template <int COLUMNS>
static inline void copy_rows(float* dst, const float* source, size_t step, int count, int width) {
  if (width == COLUMNS) {
    for (int i = 0; i < count; i++, dst += COLUMNS, source += step)
#pragma GCC unroll 8
      for (int j = 0; j < COLUMNS; j += LANES) store(dst + j, load(source + j));
  } else {
    for (int i = 0; i < count; i++, dst += COLUMNS, source += step) {
      int j = 0;
      for (; j + LANES <= width; j += LANES) store(dst + j, load(source + j));
      for (; j < width; j++) dst[j] = source[j];
    }
  }
}

// panel[k][j] = im2col(x)[t + k][column + j]; an image has `lines` lines of positions
template <int COLUMNS>
static void fill_from_rows(float* panel, const Geometry& g, const float* x, int t, int length, int column, int columns, int lines) {
  if (g.is_matrix()) return copy_rows<COLUMNS>(panel, x + (size_t)t * g.channels + column, g.channels, length, columns);
  if (g.channels % LANES) {
    Position p = position_of(t, g.out_height, g.out_width);
    for (int k = 0; k < length; k++, advance(p, g.out_height, g.out_width)) copy_row(panel + (size_t)k * COLUMNS, g, x, p, column, column + columns);
    return;
  }
  // tap by tap, because along a line of positions a tap's runs are one step apart
  for (int j = 0; j < columns;) {
    const int tap = (column + j) / g.channels, channel = (column + j) % g.channels, width = min_of(columns - j, g.channels - channel);
    const int kh = tap / g.kernel_width - g.padding, kw = tap % g.kernel_width - g.padding;
    Position p = position_of(t, g.out_height, g.out_width);
    float* dst = panel + j;
    for (int k = 0, run; k < length; k += run) {
      run = min_of(length - k, g.out_width - p.column);
      const int h = p.row * g.stride + kh, w = p.column * g.stride + kw;
      const bool inside = (unsigned)h < (unsigned)g.height;
      // positions before, within and after the image
      const int before = !inside ? run : w >= 0 ? 0 : min_of(run, ceil_div(-w, g.stride));
      const int end = w + (run - 1) * g.stride < g.width ? run : max_of(before, ceil_div(max_of(0, g.width - w), g.stride));
      const auto clear = [&](int from, int to) {
        for (int i = from; i < to; i++) for (int l = 0; l < width; l += LANES) store(dst + (size_t)i * COLUMNS + l, Vector{});
      };
      clear(0, before);
      copy_rows<COLUMNS>(dst + (size_t)before * COLUMNS, x + (((ptrdiff_t)p.image * g.height + h) * g.width + w + before * g.stride) * g.channels + channel,
                         (size_t)g.stride * g.channels, end - before, width);
      clear(end, run);
      dst += (size_t)run * COLUMNS;
      p.column += run - 1;
      advance(p, lines, g.out_width);
    }
    j += width;
  }
}
