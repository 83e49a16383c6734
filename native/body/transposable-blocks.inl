// Transposable n:m masks of any size: each m x m block keeps n in every row and every column. One block after another;
// what is vectors of lanes is the order of its entries. The algorithms are told in src/core/backend/oracle/transposable-blocks.ts.

struct TransposableBlock {
  int n, m;
  // |w|: as an integer of the same order, behind the last below all, and as a number that can be added: NaN is above
  // infinity, and both are finite
  int32_t score[256];
  double size[256];
  // bits of the columns
  uint32_t kept[16];
  int row_room[16], column_room[16];
  // entries from heavy to light
  uint8_t order[256];

  void open(const float* w, size_t apart, int n_, int m_) {
    n = n_, m = m_;
    for (int row = 0; row < m; row++)
      for (int column = 0; column < m; column++) {
        const float x = __builtin_fabsf(w[row * apart + column]);
        int32_t bits;
        __builtin_memcpy(&bits, &x, 4);
        score[row * m + column] = min_of(bits, 0x7f800001);
        size[row * m + column] = bits < 0x7f800000 ? x : bits == 0x7f800000 ? 0x1p128 : 0x1p129;
      }
    for (int i = m * m; i < 256; i++) score[i] = -1;
  }
  void clear() {
    for (int i = 0; i < m; i++) kept[i] = 0, row_room[i] = column_room[i] = n;
  }
  bool keeps(int row, int column) const { return kept[row] >> column & 1; }

  // An entry's place is the number of heavier ones; of equals the lower index comes first.
  template <int... J>
  void sort(Indices<J...>) {
    const int count = m * m;
    for (int j = 0; j < count; j += LANES) {
      const IntVector own = (IntVector)load((const float*)(score + j)), at = IntVector{J...} + j;
      IntVector place = {};
      for (int i = 0; i < count; i++) place = one_more(place, IntVector{} + score[i], own + (at > i));
      for (int lane = 0; lane < min_of(LANES, count - j); lane++) order[place[lane]] = (uint8_t)(j + lane);
    }
  }
  void keep_heavy() {
    for (int i = 0; i < m * m; i++) {
      const int row = order[i] / m, column = order[i] % m;
      const int take = (row_room[row] > 0) & (column_room[column] > 0);
      kept[row] |= (uint32_t)take << column;
      row_room[row] -= take;
      column_room[column] -= take;
    }
  }
  bool fill_up() {
    for (int row = 0; row < m; row++)
      for (; row_room[row] > 0; row_room[row]--) {
        int column = 0, best_row = 0, best_column = 0;
        while (column_room[column] == 0) column++;
        double best = -__builtin_inf();
        for (int r = 0; r < m; r++) {
          if (keeps(r, column)) continue;
          for (uint32_t left = kept[r] & ~kept[row]; left; left &= left - 1) {
            const int c = __builtin_ctz(left);
            const double gain = size[row * m + c] + size[r * m + column] - size[r * m + c];
            if (gain > best) best = gain, best_row = r, best_column = c;
          }
        }
        if (best < 0) return false;
        kept[best_row] ^= 1u << best_column | 1u << column;
        kept[row] |= 1u << best_column;
        column_room[column]--;
      }
    return true;
  }
  void solve() {
    double potential[32], distance[32];
    int8_t from[32];
    clear();
    for (int i = 0; i < m; i++) {
      potential[i] = potential[m + i] = 0;
      for (int column = 0; column < m; column++) potential[i] = size[i * m + column] > potential[i] ? size[i * m + column] : potential[i];
    }
    for (int source = 0; source < m; source++)
      for (; row_room[source] > 0; row_room[source]--) {
        for (int i = 0; i < 2 * m; i++) distance[i] = __builtin_inf(), from[i] = -1;
        distance[source] = 0;
        uint32_t done = 0;
        int node;
        for (;;) {
          node = -1;
          for (int i = 0; i < 2 * m; i++)
            if (!(done >> i & 1) && (node < 0 || distance[i] < distance[node])) node = i;
          done |= 1u << node;
          if (node >= m && column_room[node - m] > 0) break;
          const bool is_row = node < m;
          for (int other = 0; other < m; other++) {
            const int next = is_row ? m + other : other, row = is_row ? node : other, column = is_row ? other : node - m;
            // rounding can make a cost a little negative: what is done must stay, or the path may never end
            if (keeps(row, column) == is_row || done >> next & 1) continue;
            const double slack = potential[row] - size[row * m + column] - potential[m + column];
            const double length = distance[node] + (is_row ? slack : -slack);
            if (length < distance[next]) distance[next] = length, from[next] = (int8_t)node;
          }
        }
        const double last = distance[node];
        for (int i = 0; i < 2 * m; i++)
          if (done >> i & 1) potential[i] += distance[i] - last;
        column_room[node - m]--;
        for (; from[node] >= 0; node = from[node]) {
          if (node >= m) kept[(int)from[node]] |= 1u << (node - m);
          else kept[node] &= ~(1u << (from[node] - m));
        }
      }
  }
  void choose(int solver) {
    if (solver == 0) return solve();
    clear();
    sort(typename Count<LANES>::type{});
    keep_heavy();
    if (!fill_up()) solve();
  }
};

static void prune_transposable(uint32_t* mask, const float* w, int rows, int k, int n, int m, int solver) {
  if (n == 2 && m == 4 && solver == 0) return best_transposable(mask, w, rows, k);
  const int words = mask_words(k);
  parallel_chunks(rows / m, max_of(1, 4096 / max_of(1, k)), [&](int from, int to) {
    TransposableBlock block;
    for (int row = from * m; row < to * m; row += m) {
      uint32_t* const bits = mask + (size_t)row * words;
      for (int i = 0; i < m * words; i++) bits[i] = 0;
      for (int column = 0; column < k; column += m) {
        block.open(w + (size_t)row * k + column, k, n, m);
        block.choose(solver);
        const int shift = column & 31;
        for (int r = 0; r < m; r++) {
          uint32_t* const word = bits + (size_t)r * words + column / 32;
          *word |= block.kept[r] << shift;
          if (shift + m > 32) word[1] |= block.kept[r] >> (32 - shift);
        }
      }
    }
  });
}
