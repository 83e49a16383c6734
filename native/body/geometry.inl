// A convolution's geometry, and the rows of its im2col matrix as pointers into the image: no im2col matrix in memory.
// A row is one output position; its K entries are kernelHeight*kernelWidth runs of `channels` neighboring floats.
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

#ifdef __wasm__
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)
#endif

// Of pixels with `channels` floats each: to[.] = those of rest 0, then of rest 1, ... by `classes`, pixel by pixel.
static __attribute__((noinline)) void split_channels(float* to, const float* from, int count, int channels, int classes) {
  for (int i = 0; i < count; i += channels, from += channels)
    for (int rest = 0; rest < classes; rest++) {
      const int kept = ceil_div(channels - rest, classes);
#if VECTOR_BYTES > 16
      // a loop of its own, which compilers turn into shuffles
      if (classes == 2) for (int c = 0; c < kept; c++) to[c] = from[2 * c + rest];
      else
#endif
      for (int c = 0; c < kept; c++) to[c] = from[c * classes + rest];
      to += kept;
    }
}

// The columns of im2col in the order in which panels have them, by classes: column f = channel * taps + tap is of the class
// f mod classes. With one class they stay as they are.
struct PanelColumns {
  static constexpr int MOST = 8;
  int begins[MOST + 1];  // of the classes
  int* numbers = nullptr;  // of the columns in a weight
  int* offsets = nullptr;  // from the first pixel of a position, in padded images
  PanelColumns() {}
  __attribute__((noinline)) PanelColumns(const Geometry& g, int line, int classes) {
    numbers = scratch<int>(SCRATCH_COLUMNS, 2 * (size_t)g.inputs());
    offsets = numbers + g.inputs();
    for (int of = 0, count = begins[0] = 0; of < classes; begins[++of] = count)
      for (int tap = 0; tap < g.taps(); tap++)
        for (int rest = 0, place = 0; rest < classes; rest++)
          for (int c = rest; c < g.channels; c += classes, place++) {
            if ((c * g.taps() + tap) % classes != of) continue;
            numbers[count] = tap * g.channels + c;
            offsets[count++] = tap / g.kernel_width * line + tap % g.kernel_width * g.channels + place;
          }
  }
};

// Images of few channels with their padding around them, so that a line of the kernel is one run of floats, wherever it
// lies. One such run may be read up to a vector beyond its end.
struct PaddedImages {
  const float* pixels = nullptr;  // where they do not suit: nothing is copied
  PanelColumns columns;
  int height, line;  // floats in a line
  static bool suit(const Geometry& g) { return g.channels < 8 && !g.is_matrix(); }
  // With classes of columns images of all kinds are copied, channels with the same rest by `classes` side by side.
  __attribute__((noinline)) PaddedImages(const Geometry& g, const float* x, int classes = 1)
      : height(g.height + 2 * g.padding), line((g.width + 2 * g.padding) * g.channels) {
    if (!suit(g) && classes == 1) return;
    columns = PanelColumns(g, line, classes);
    const size_t size = (size_t)height * line;
    float* copy = scratch<float>(SCRATCH_IMAGES, g.batch * size + LANES);
    pixels = copy;
    __builtin_memset(copy + g.batch * size, 0, sizeof(float) * LANES);
    parallel(g.batch, [&](int image) {
      float* out = copy + image * size;
      for (int h = -g.padding; h < g.height + g.padding; h++, out += line) {
        const bool inside = (unsigned)h < (unsigned)g.height;
        const int left = inside ? g.padding * g.channels : line, width = inside ? g.width * g.channels : 0;
        __builtin_memset(out, 0, sizeof(float) * left);
        const float* source = x + ((size_t)image * g.height + (inside ? h : 0)) * g.width * g.channels;
        if (classes == 1) __builtin_memcpy(out + left, source, sizeof(float) * width);
        else split_channels(out + left, source, width, g.channels, classes);
        __builtin_memset(out + left + width, 0, sizeof(float) * (line - left - width));
      }
    });
  }
  // where the kernel's first line begins for output position p
  const float* at(const Geometry& g, const Position& p) const {
    return pixels + ((size_t)p.image * height + p.row * g.stride) * line + (size_t)p.column * g.stride * g.channels;
  }
};

#ifdef __wasm__
#pragma clang attribute pop
#endif

// dst[k]: the im2col row of position p, entries from..to-1 of its K, copied. Runs of one kernel row are neighbors in
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

constexpr int MAX_COLUMNS = 64;  // of any panel

// The columns of a panel as a constant, or 0 where they are read at run time: a copy of the loops for each is worth its
// size only where vectors are wide.
template <int COLUMNS> constexpr int FIXED_COLUMNS = LANES > 4 ? COLUMNS : 0;

// dst[i] = source[i * step]: rows of `width` floats, `columns` apart
template <int FIXED>
static inline void copy_rows(float* dst, int columns, const float* source, size_t step, int count, int width) {
  if (FIXED && width == FIXED) {
    for (int i = 0; i < count; i++, dst += FIXED, source += step)
#pragma GCC unroll 8
      for (int j = 0; j < FIXED; j += LANES) store(dst + j, load(source + j));
  } else {
    for (int i = 0; i < count; i++, dst += columns, source += step) {
      int j = 0;
      for (; j + LANES <= width; j += LANES) store(dst + j, load(source + j));
      for (; j < width; j++) dst[j] = source[j];
    }
  }
}

// Moves p on by `count` positions of its line, and on to the next where that ends; an image has `lines` of them.
static inline void advance_in_line(Position& p, int count, int lines, int columns) {
  for (p.column += count; p.column >= columns; p.column -= columns)
    if (++p.row == lines) p.row = 0, p.image++;
}

// The same as fill_from_rows below, in whole vectors: what one writes beyond its line of the kernel, the next overwrites.
static void fill_from_padded(float* panel, int columns, const Geometry& g, const PaddedImages& padded, int t, int step, int length, int first, int width, int lines) {
  const int* offsets = padded.columns.offsets + first;
  int to[MAX_COLUMNS], from[MAX_COLUMNS], pieces = 0;
  for (int k = 0; k < width; k++) {
    if (pieces > 0 && k - to[pieces - 1] < LANES && offsets[k] - from[pieces - 1] == k - to[pieces - 1]) continue;
    to[pieces] = k;
    from[pieces++] = offsets[k];
  }
  const ptrdiff_t pixels = (ptrdiff_t)g.stride * step * g.channels;
  Position p = position_of(t, g.out_height, g.out_width);
  for (int k = 0, count; k < length; k += count) {
    count = min_of(length - k, ceil_div(g.out_width - p.column, step));
    const float* source = padded.at(g, p);
    for (int i = 0; i < count; i++, panel += columns, source += pixels)
      for (int j = 0; j < pieces; j++) store(panel + to[j], load(source + from[j]));
    advance_in_line(p, count * step, lines, g.out_width);
  }
}

// panel[k][j] = im2col(x)[t + k * step][first + j] for j < width; an image has `lines` lines of positions. padded: of x.
// A vector more than length rows may be written.
template <int FIXED>
static __attribute__((noinline)) void fill_from_rows(float* panel, int panel_columns, const Geometry& g, const float* x, const PaddedImages& padded, int t, int step, int length, int first, int width, int lines) {
  const int columns = FIXED ? FIXED : panel_columns;
  if (padded.pixels) return fill_from_padded(panel, columns, g, padded, t, step, length, first, width, lines);
  if (g.is_matrix()) return copy_rows<FIXED>(panel, columns, x + (size_t)t * g.channels + first, (size_t)step * g.channels, length, width);
  const Position start = position_of(t, g.out_height, g.out_width);
  if (g.channels % LANES) {
    Position p = start;
    for (int k = 0; k < length; k++) {
      copy_row(panel + (size_t)k * columns, g, x, p, first, first + width);
      for (int i = 0; i < step; i++) advance(p, lines, g.out_width);
    }
    return;
  }
  // tap by tap, because along a line of positions a tap's runs are one step apart
  for (int j = 0, floats; j < width; j += floats) {
    const int tap = (first + j) / g.channels, channel = (first + j) % g.channels;
    floats = min_of(width - j, g.channels - channel);
    const int kh = tap / g.kernel_width - g.padding, kw = tap % g.kernel_width - g.padding;
    Position p = start;
    float* dst = panel + j;
    const auto clear = [&](int count) {
      for (; count > 0; count--, dst += columns)
        for (int l = 0; l < floats; l += LANES) store(dst + l, Vector{});
    };
    for (int k = 0, run; k < length; k += run) {
      run = min_of(length - k, ceil_div(g.out_width - p.column, step));
      const int pixels = g.stride * step, h = p.row * g.stride + kh, w = p.column * g.stride + kw;
      // positions before and up to the end of the image's line
      const int before = (unsigned)h >= (unsigned)g.height ? run : w >= 0 ? 0 : min_of(run, ceil_div(-w, pixels));
      const int end = w + (run - 1) * pixels < g.width ? run : max_of(before, ceil_div(max_of(0, g.width - w), pixels));
      clear(before);
      copy_rows<FIXED>(dst, columns, x + (((ptrdiff_t)p.image * g.height + h) * g.width + w + before * pixels) * g.channels + channel,
                       (size_t)pixels * g.channels, end - before, floats);
      dst += (ptrdiff_t)(end - before) * columns;
      clear(run - end);
      advance_in_line(p, run * step, lines, g.out_width);
    }
  }
}
