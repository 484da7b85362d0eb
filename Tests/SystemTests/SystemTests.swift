import Testing

/// The built programs, as a user runs them, against a real MongoDB.
///
/// One after the other: each uses all cores by itself, and some of them are about time.
@Suite(.serialized, .enabled(if: Product.isBuilt, Comment(rawValue: Product.whyNotBuilt)))
enum SystemTests {}
