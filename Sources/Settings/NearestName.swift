/// Finds the name that was probably meant.
enum NearestName {
    private static let lengthMax = 40

    /// The nearest of the names by edit distance, where it is near enough to be meant; the first of equally near ones.
    static func find(_ text: String, among names: [String]) -> String? {
        let text = Array(text.lowercased().unicodeScalars.prefix(lengthMax + 1))
        guard text.count <= lengthMax else { return nil }
        var nearest: (name: String, distance: Int)?
        for name in names {
            let distance = distance(text, Array(name.unicodeScalars))
            guard distance <= max(1, name.unicodeScalars.count / 3) else { continue }
            if distance < nearest?.distance ?? .max { nearest = (name, distance) }
        }
        return nearest?.name
    }

    /// How many characters have to be inserted, removed, replaced, or swapped with their neighbour.
    ///
    /// Optimal string alignment, as in R. A. Wagner and R. Lowrance, "An Extension of the String-to-String Correction
    /// Problem", J. ACM, 1975.
    static func distance(_ from: [Unicode.Scalar], _ to: [Unicode.Scalar]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...to.count)
        for row in from.indices {
            var current = [row + 1]
            for column in to.indices {
                var cost = min(last[column + 1] + 1, current[column] + 1)
                cost = min(cost, last[column] + (from[row] == to[column] ? 0 : 1))
                let isSwap = row > 0 && column > 0 && from[row] == to[column - 1] && from[row - 1] == to[column]
                if isSwap { cost = min(cost, beforeLast[column - 1] + 1) }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[to.count]
    }
}
