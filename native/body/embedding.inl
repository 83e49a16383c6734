// Rows of a table by number. The numbers stand in float32, which holds those up to 2^24.
static void embedding(float* y, const float* tokens, const float* table, int count, int dim) {
  parallel_chunks(count, max_of(1, CHUNK / max_of(1, dim)), [&](int from, int to) {
    for (int i = from; i < to; i++) __builtin_memcpy(y + (size_t)i * dim, table + (size_t)tokens[i] * dim, dim * sizeof(float));
  });
}

// Threads share the columns, not the tokens: each sum is then in the order of the tokens, and no partial tables are needed.
static void embedding_backward(float* dtable, const float* dy, const float* tokens, int count, int vocabulary, int dim) {
  constexpr int COLUMNS = 64;
  parallel_chunks(dim, COLUMNS, [&](int from, int to) {
    for (int token = 0; token < vocabulary; token++) __builtin_memset(dtable + (size_t)token * dim + from, 0, (to - from) * sizeof(float));
    for (int i = 0; i < count; i++) {
      float* sum = dtable + (size_t)tokens[i] * dim;
      const float* d = dy + (size_t)i * dim;
#pragma GCC ivdep
      for (int c = from; c < to; c++) sum[c] += d[c];
    }
  });
}
